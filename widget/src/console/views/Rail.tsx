/** The 72 px rail: where things are, and one's own state. On a phone it lies below. */

import { useSignal } from "@preact/signals";
import { plural, t } from "../../ui/i18n";
import type { Console } from "../console";
import { section } from "../places";
import { sound } from "../settings";
import { calling, load } from "../state/lists";
import { Avatar } from "./Avatar";
import { Icon } from "./icons";
import { LeaveDialog } from "./LeaveDialog";

interface Props {
  console: Console;
  signOut(): Promise<void>;
  openSound(): void;
  openLanguage(): void;
  openHelp(): void;
}

export function Rail({ console, signOut, openSound, openLanguage, openHelp }: Props) {
  const { me } = console.desk.value;
  const calls = calling(console.desk.value);
  const leaving = useSignal(false);
  const asking = useSignal(false);
  const used = load(console.desk.value);
  const muted = sound.value === "off";
  const leave = async () => {
    asking.value = false;
    if (leaving.value) return;
    leaving.value = true;
    await signOut();
    leaving.value = false;
  };
  return (
    <nav class="rail" aria-label={t("console.rail.label")}>
      <span class="mark" aria-hidden="true" />
      <button
        type="button"
        class="rail-item"
        aria-current={section.value === "chats" ? "page" : undefined}
        onClick={() => {
          if (section.value === "chats") console.select(null);
          section.value = "chats";
        }}
      >
        <Icon name="chats" />
        <span>{t("console.rail.chats")}</span>
        {calls > 0 && (
          <>
            <span class="badge" aria-hidden="true">
              {calls > 99 ? "99+" : calls}
            </span>
            <span class="sr-only">{plural("console.rail.calling", calls)}</span>
          </>
        )}
      </button>
      <button
        type="button"
        class="rail-item"
        aria-current={section.value === "articles" ? "page" : undefined}
        onClick={() => {
          section.value = "articles";
        }}
      >
        <Icon name="articles" />
        <span>{t("console.rail.articles")}</span>
      </button>
      <span class="spring" />
      <button type="button" class="rail-item" data-tone={muted ? "warning" : undefined} onClick={openSound}>
        <Icon name={muted ? "muted" : "bell"} />
        <span>{t(muted ? "console.rail.muted" : "console.rail.alerts")}</span>
      </button>
      <button type="button" class="rail-item" onClick={openLanguage}>
        <Icon name="language" />
        <span>{t("console.language")}</span>
      </button>
      <button type="button" class="rail-item" data-wide onClick={openHelp} aria-keyshortcuts="?">
        <Icon name="keys" />
        <span>{t("console.rail.keys")}</span>
      </button>
      {me && (
        <div class="rail-me" title={`${me.name} · ${me.email}`}>
          <Avatar name={me.name} status={me.status} />
          <span class="load">
            <span aria-hidden="true">
              {used}/{me.capacity}
            </span>
            <span class="sr-only">
              {t("console.rail.load", {
                name: me.name,
                status: t(`console.status.${me.status}`),
                used,
                total: me.capacity,
              })}
            </span>
          </span>
          <meter aria-hidden="true" min={0} max={Math.max(me.capacity, used)} value={used} />
        </div>
      )}
      <button
        type="button"
        class="rail-item"
        aria-disabled={leaving.value}
        onClick={() => {
          if (used > 0) asking.value = true;
          else void leave();
        }}
      >
        <Icon name="leave" />
        <span>{t("console.rail.leave")}</span>
      </button>
      {asking.value && (
        <LeaveDialog
          chats={used}
          leave={leave}
          close={() => {
            asking.value = false;
          }}
        />
      )}
    </nav>
  );
}
