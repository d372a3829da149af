/** A hint about a text that would read like shouting. It never stands in the way, and is gone when told to be, until the text is. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { hint } from "../../state/courtesy";
import { t } from "../../ui/i18n";

export function Courtesy({ text }: { text: string }) {
  const hidden = useSignal(false);
  const empty = text.trim() === "";
  useEffect(() => {
    if (empty) hidden.value = false;
  }, [empty]);
  const found = hidden.value ? null : hint(text);
  // The region stays, so that a screen reader hears what comes into it.
  return (
    <div class="courtesy" aria-live="polite">
      {found && (
        <>
          <span class="hint">{t(`courtesy.${found}`)}</span>
          <button
            type="button"
            class="link"
            onClick={() => {
              hidden.value = true;
              document.getElementById("composer")?.focus();
            }}
          >
            {t("courtesy.hide")}
          </button>
        </>
      )}
    </div>
  );
}
