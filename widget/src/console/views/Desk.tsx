/** The console signed in: rail, list, conversation, details; and the keys that move between them. */

import { useComputed, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { t } from "../../ui/i18n";
import { second } from "../clockwork";
import type { Console } from "../console";
import { onKeys } from "../keys";
import { Conversation } from "./Conversation";
import { Help } from "./Help";
import { List } from "./List";
import { Panel } from "./Panel";
import { Rail } from "./Rail";
import { SoundDialog } from "./SoundDialog";

/** A short interruption is nobody's business. */
const CALM_MS = 3000;

export function Desk({ console, signOut }: { console: Console; signOut(): void }) {
  const details = useSignal(false);
  const dialog = useSignal<"help" | "sound" | null>(null);
  const selected = console.selected.value;

  useEffect(
    () =>
      onKeys(console, {
        help: () => {
          dialog.value = "help";
        },
        details: () => {
          details.value = !details.value;
        },
        escape: () => {
          if (!details.value) return false;
          details.value = false;
          return true;
        },
      }),
    [console],
  );

  const closeDialog = () => {
    dialog.value = null;
  };
  return (
    <div class="desk" data-pane={selected === null ? "list" : details.value ? "details" : "talk"}>
      <Offline console={console} />
      <Rail
        console={console}
        signOut={signOut}
        openSound={() => {
          dialog.value = "sound";
        }}
        openHelp={() => {
          dialog.value = "help";
        }}
      />
      <List console={console} />
      <Conversation
        console={console}
        detailsOpen={details.value}
        toggleDetails={() => {
          details.value = !details.value;
        }}
      />
      <Panel
        console={console}
        close={() => {
          details.value = false;
        }}
      />
      {dialog.value === "help" && <Help close={closeDialog} />}
      {dialog.value === "sound" && <SoundDialog close={closeDialog} />}
    </div>
  );
}

function Offline({ console }: { console: Console }) {
  const shown = useComputed(() => {
    const { phase, downSince } = console.link.value;
    if (phase === "live" || phase === "stopped" || downSince === null) return false;
    // Both are this machine's clock: `second` runs on the server's.
    second.value;
    return Date.now() - downSince >= CALM_MS;
  });
  return (
    <p class="offline" role="status">
      {shown.value && t("console.offline")}
    </p>
  );
}
