/** The console signed in: rail, list, conversation, details; and the keys that move between them. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { t } from "../../ui/i18n";
import type { Articles as Model } from "../articles";
import type { Console } from "../console";
import { keepPage } from "../dropping";
import { onKeys } from "../keys";
import { section } from "../places";
import { Articles } from "./articles/Articles";
import { Conversation } from "./Conversation";
import { Dialog } from "./Dialog";
import { Help } from "./Help";
import { LanguageChoice } from "./LanguageChoice";
import { List } from "./List";
import { Panel } from "./Panel";
import { Rail } from "./Rail";
import { SoundDialog } from "./SoundDialog";
import { useTrouble } from "./trouble";

interface Props {
  console: Console;
  articles: Model;
  /** False: the server did not hear of it, the session goes on. */
  signOut(): Promise<boolean>;
}

export function Desk({ console, articles, signOut }: Props) {
  const details = useSignal(false);
  const dialog = useSignal<"help" | "sound" | "language" | null>(null);
  const stuck = useSignal(false);
  const selected = console.selected.value;
  const trouble = useTrouble(console).value;

  const closeDetails = () => {
    details.value = false;
    document.querySelector<HTMLElement>(".to-details")?.focus();
  };

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
          closeDetails();
          return true;
        },
      }),
    [console],
  );

  useEffect(keepPage, []);

  const closeDialog = () => {
    dialog.value = null;
  };
  const reading = section.value === "articles";
  const pane = reading || selected === null ? "list" : details.value ? "details" : "talk";
  return (
    <div
      class="desk"
      data-pane={pane}
      data-section={section.value}
      data-down={trouble === "down" || undefined}
      data-open={(reading && articles.open.value !== null) || undefined}
    >
      <Offline trouble={trouble} stuck={stuck.value} />
      <Rail
        console={console}
        signOut={async () => {
          stuck.value = !(await signOut());
        }}
        openSound={() => {
          dialog.value = "sound";
        }}
        openLanguage={() => {
          dialog.value = "language";
        }}
        openHelp={() => {
          dialog.value = "help";
        }}
      />
      {reading ? (
        <Articles console={console} articles={articles} />
      ) : (
        <>
          <main>
            <List console={console} />
            <Conversation
              console={console}
              detailsOpen={details.value}
              toggleDetails={() => {
                details.value = !details.value;
              }}
            />
          </main>
          <Panel console={console} open={details.value} close={closeDetails} />
        </>
      )}
      {dialog.value === "help" && <Help close={closeDialog} />}
      {dialog.value === "sound" && <SoundDialog close={closeDialog} />}
      {dialog.value === "language" && (
        <Dialog title={t("console.language")} close={closeDialog}>
          <LanguageChoice />
        </Dialog>
      )}
    </div>
  );
}

/** Calmly. `stuck`: signing out did not get through. */
function Offline({ trouble, stuck }: { trouble: "" | "down" | "unstored"; stuck: boolean }) {
  const said = trouble && t(trouble === "down" ? "console.offline" : "console.unstored");
  return (
    <p class="offline" role="status">
      {stuck ? t("console.stuck") : said}
    </p>
  );
}
