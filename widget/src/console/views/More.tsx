/** The rarer verbs of a ticket, behind one button: Pendiente, send back, reject. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../../ui/i18n";
import type { AgentTicket } from "../../wire";
import type { Console, Doing } from "../console";
import { Icon, type IconName } from "./icons";

interface Props {
  console: Console;
  ticket: AgentTicket;
  online: boolean;
}

interface Choice {
  word: string;
  key: string;
  icon: IconName;
  act(): void;
}

export function More({ console, ticket, online }: Props) {
  const open = useSignal(false);
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    if (!open.value) return;
    box.current?.querySelector<HTMLElement>(".menu button")?.focus();
    const elsewhere = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) open.value = false;
    };
    const closes = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      open.value = false;
      button.current?.focus();
    };
    // Before the console's own keys: Escape means this first.
    document.addEventListener("keydown", closes, true);
    document.addEventListener("pointerdown", elsewhere);
    document.addEventListener("focusin", elsewhere);
    return () => {
      document.removeEventListener("keydown", closes, true);
      document.removeEventListener("pointerdown", elsewhere);
      document.removeEventListener("focusin", elsewhere);
    };
  }, [open.value]);

  const begin = (doing: Doing) => () => console.begin(doing);
  const choices: Choice[] = [];
  if (ticket.mode === "later") {
    if (ticket.state === "pending")
      choices.push({ word: "take_back", key: "w", icon: "back", act: () => console.takeBack(ticket.id) });
    else choices.push({ word: "pend", key: "w", icon: "pause", act: begin("pending") });
    choices.push({ word: "send_back", key: "b", icon: "answer", act: begin("sending_back") });
  }
  choices.push({ word: "reject", key: "z", icon: "reject", act: begin("rejecting") });

  return (
    <div class="more" ref={box}>
      <button
        type="button"
        class="button"
        ref={button}
        aria-expanded={open.value}
        aria-controls="more-verbs"
        onClick={() => {
          open.value = !open.value;
        }}
      >
        <span>{t("console.action.more")}</span>
        <Icon name="down" />
      </button>
      {open.value && (
        <ul class="menu" id="more-verbs">
          {choices.map(({ word, key, icon, act }) => (
            <li key={word}>
              <button
                type="button"
                aria-keyshortcuts={key}
                aria-disabled={!online}
                onClick={() => {
                  if (!online) return;
                  open.value = false;
                  button.current?.focus();
                  act();
                }}
              >
                <Icon name={icon} />
                {t(`console.action.${word}`)}
                <kbd>{key}</kbd>
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
