/** How the console calls: sound and desktop notifications. Permission is asked for by a button, never on load. */

import { useSignal } from "@preact/signals";
import { t } from "../../ui/i18n";
import { sound } from "../settings";
import { play, unlock, unlocked } from "../sound";
import { Dialog } from "./Dialog";

export function SoundDialog({ close }: { close(): void }) {
  const silent = useSignal(false);
  const test = () => {
    unlock();
    // The browser may need a moment to wake its audio after the first gesture.
    setTimeout(() => {
      silent.value = !unlocked();
      play("assigned");
    }, 60);
  };
  return (
    <Dialog title={t("console.alerts.title")} close={close}>
      <label class="switch">
        <input
          type="checkbox"
          checked={sound.value === "off"}
          onChange={({ currentTarget }) => {
            sound.value = currentTarget.checked ? "off" : "on";
          }}
        />
        <span>{t("console.alerts.mute")}</span>
      </label>
      <p class="dialog-row">
        <button type="button" class="button" onClick={test}>
          {t("console.alerts.test")}
        </button>
        {silent.value && <span class="soft">{t("console.alerts.blocked_sound")}</span>}
      </p>
      <Desktop />
    </Dialog>
  );
}

function Desktop() {
  const known = "Notification" in globalThis;
  const permission = useSignal(known ? Notification.permission : "unsupported");
  if (permission.value === "unsupported") return <p class="soft">{t("console.alerts.unsupported")}</p>;
  if (permission.value === "granted") return <p class="soft">{t("console.alerts.granted")}</p>;
  if (permission.value === "denied") return <p class="soft">{t("console.alerts.denied")}</p>;
  return (
    <p class="dialog-row">
      <button
        type="button"
        class="button"
        onClick={async () => {
          permission.value = await Notification.requestPermission();
        }}
      >
        {t("console.alerts.ask")}
      </button>
      <span class="soft">{t("console.alerts.ask_hint")}</span>
    </p>
  );
}
