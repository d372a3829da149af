/** Where the agent writes: Enter sends, Shift+Enter breaks the line. The draft of each ticket is kept. */

import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { plural, t } from "../../ui/i18n";
import type { AgentTicket } from "../../wire";
import type { Console } from "../console";
import { Courtesy } from "./Courtesy";
import { Icon } from "./icons";

/** Characters of a message, as the server counts them. */
const LIMIT = 8000;
const TELL_FROM = 7500;
const TALLEST = 176;

export function Composer({ console, ticket }: { console: Console; ticket: AgentTicket }) {
  const box = useRef<HTMLTextAreaElement>(null);
  const text = useSignal(console.draft(ticket.id));
  const left = LIMIT - [...text.value].length;

  // A phone's keyboard would hide what was just opened.
  useEffect(() => {
    if (matchMedia("(hover: hover)").matches) box.current?.focus({ preventScroll: true });
    return () => console.typing(ticket.id, false);
  }, []);

  useLayoutEffect(() => {
    const area = box.current;
    if (!area) return;
    area.style.height = "auto";
    area.style.height = `${Math.min(TALLEST, area.scrollHeight)}px`;
  }, [text.value]);

  const write = (value: string) => {
    text.value = value;
    console.keepDraft(ticket.id, value);
    console.typing(ticket.id, value.trim() !== "");
  };
  const send = () => {
    if (text.value.trim() === "" || left < 0) return;
    console.say(ticket.id, text.value);
    text.value = "";
    box.current?.focus();
  };

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        ref={box}
        id="composer"
        rows={1}
        aria-label={t("console.composer.label")}
        placeholder={t("console.composer.label")}
        aria-invalid={left < 0 || undefined}
        aria-describedby={left < LIMIT - TELL_FROM ? "composer-left" : undefined}
        value={text.value}
        onInput={({ currentTarget }) => write(currentTarget.value)}
        onBlur={() => console.typing(ticket.id, false)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          send();
        }}
      />
      <Courtesy text={text.value} />
      <div class="composer-foot">
        {left < LIMIT - TELL_FROM ? (
          <span id="composer-left" class="hint" data-tone={left < 0 ? "danger" : undefined}>
            {left < 0 ? plural("console.composer.over", -left) : plural("console.composer.left", left)}
          </span>
        ) : (
          <span class="hint" data-keys>
            {t("console.composer.hint")}
          </span>
        )}
        <button
          type="submit"
          class="button"
          data-kind="primary"
          aria-disabled={text.value.trim() === "" || left < 0}
        >
          {t("console.action.send")}
          <Icon name="send" />
        </button>
      </div>
    </form>
  );
}
