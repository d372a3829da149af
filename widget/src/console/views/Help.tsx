/** `?`: every key, in a dialog; and the switch for whoever does not want single keys. */

import { t } from "../../ui/i18n";
import { shortcuts } from "../settings";
import { Dialog } from "./Dialog";

const KEYS: readonly (readonly [keys: readonly string[], word: string])[] = [
  [["↓", "↑", "j", "k"], "move"],
  [["Enter"], "open"],
  [["/"], "search"],
  [["t"], "take"],
  [["r"], "write"],
  [["n"], "note"],
  [["p"], "propose"],
  [["x"], "close"],
  [["w"], "pend"],
  [["b"], "send_back"],
  [["z"], "reject"],
  [["d"], "details"],
  [["m"], "mute"],
  [["Esc"], "leave"],
  [["?"], "help"],
];

const WRITING: readonly (readonly [keys: readonly string[], word: string])[] = [
  [["Enter"], "send"],
  [["Shift", "Enter"], "break"],
];

export function Help({ close }: { close(): void }) {
  return (
    <Dialog title={t("console.help.title")} close={close}>
      <KeyTable title={t("console.help.everywhere")} rows={KEYS} />
      <KeyTable title={t("console.help.writing")} rows={WRITING} joined />
      <label class="switch">
        <input
          type="checkbox"
          checked={shortcuts.value === "on"}
          onChange={({ currentTarget }) => {
            shortcuts.value = currentTarget.checked ? "on" : "off";
          }}
        />
        <span>{t("console.help.single_keys")}</span>
      </label>
    </Dialog>
  );
}

function KeyTable({ title, rows, joined }: { title: string; rows: typeof KEYS; joined?: boolean }) {
  return (
    <section class="keys">
      <h3>{title}</h3>
      <dl>
        {rows.map(([keys, word]) => (
          <div key={word} class="fact">
            <dt>
              {keys.map((key, at) => (
                <>
                  {at > 0 && (joined ? " + " : " ")}
                  <kbd>{key}</kbd>
                </>
              ))}
            </dt>
            <dd>{t(`console.help.${word}`)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
