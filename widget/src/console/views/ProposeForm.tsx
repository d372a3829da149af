/** **Proponer solución**: a question to the customer, written in their language if we know it, free to be changed. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { locale, t } from "../../ui/i18n";
import type { AgentTicket } from "../../wire";
import type { Console } from "../console";
import { LANGUAGES } from "../settings";

export function ProposeForm({ console, ticket }: { console: Console; ticket: AgentTicket }) {
  const box = useRef<HTMLTextAreaElement>(null);
  const text = useSignal(t(`console.propose.question_${customerLanguage(ticket)}`));
  useEffect(() => box.current?.select(), []);

  const send = () => {
    if (text.value.trim() !== "") console.propose(ticket.id, text.value);
  };
  return (
    <form
      class="composer"
      data-proposing
      aria-label={t("console.action.propose")}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <label class="hint" for="proposal">
        {t("console.propose.label")}
      </label>
      <textarea
        id="proposal"
        ref={box}
        rows={2}
        maxLength={8000}
        value={text.value}
        onInput={({ currentTarget }) => {
          text.value = currentTarget.value;
        }}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          send();
        }}
      />
      <div class="composer-foot">
        <button type="button" class="button" data-kind="quiet" onClick={() => console.begin(null)}>
          {t("console.action.cancel")}
        </button>
        <button type="submit" class="button" data-kind="primary" aria-disabled={text.value.trim() === ""}>
          {t("console.action.propose")}
        </button>
      </div>
    </form>
  );
}

/** The customer's language where it is one of ours, else the agent's own. */
function customerLanguage(ticket: AgentTicket): string {
  const theirs = ticket.customer.locale.slice(0, 2).toLowerCase();
  return LANGUAGES.find((code) => code === theirs) ?? locale.value;
}
