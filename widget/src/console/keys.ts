/** The keys of the console. Single keys never act while somebody writes, nor with a modifier, nor when turned off. */

import type { AgentTicket } from "../wire";
import type { Console, Doing } from "./console";
import type { Writing } from "./drafts";
import { section } from "./places";
import { shortcuts, sound } from "./settings";
import { claimable } from "./state/lists";

interface Acts {
  help(): void;
  details(): void;
  /** True: something was open and is closed now. */
  escape(): boolean;
}

/** Listen; returns what stops it. */
export function onKeys(console: Console, acts: Acts): () => void {
  const listener = (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const target = event.target instanceof Element ? event.target : document.body;
    if (target.closest("dialog")) return;
    // In other sections no single key means anything, but the one that says what keys there are.
    if (section.peek() !== "chats" && event.key !== "?") return;
    if (event.key === "Escape") {
      if (console.doing.peek() !== null) console.begin(null);
      else if (!acts.escape()) focusRow(console.selected.peek());
      return;
    }
    if (!isOurs(event.key, fieldAt(target))) return;
    if (act(event.key, target, console, acts)) event.preventDefault();
  };
  document.addEventListener("keydown", listener);
  return () => document.removeEventListener("keydown", listener);
}

/** Whether a key pressed in a field is left to the console. `field`: an input's type, "textarea", "select", or "" for none. */
export function isOurs(key: string, field: string): boolean {
  if (field === "") return true;
  // Nothing is written in a radio button (the own status keeps the focus after a click), but arrows are its own.
  return (field === "radio" || field === "checkbox") && !key.startsWith("Arrow");
}

function fieldAt(target: Element): string {
  const field = target.closest("textarea, select, input");
  return field instanceof HTMLInputElement ? field.type : (field?.localName ?? "");
}

/** True: the key meant something here. */
function act(key: string, target: Element, console: Console, acts: Acts): boolean {
  const arrows = target.closest(".list") !== null || target === document.body;
  if (arrows && key === "ArrowDown") return moveFocus(target, 1);
  if (arrows && key === "ArrowUp") return moveFocus(target, -1);
  if (shortcuts.peek() === "off") return false;
  switch (key) {
    case "j":
      return moveFocus(target, 1);
    case "k":
      return moveFocus(target, -1);
    case "t":
      return take(target, console);
    case "r":
      return write(console, "answer");
    case "n":
      return write(console, "note");
    case "p":
      return propose(console);
    case "x":
      return begin(console, "closing");
    case "w":
      return wait(console);
    case "b":
      return begin(console, "sending_back", "later");
    case "z":
      return begin(console, "rejecting");
    case "/":
      return search();
    case "d":
      acts.details();
      return true;
    case "m":
      sound.value = sound.peek() === "on" ? "off" : "on";
      return true;
    case "?":
      acts.help();
      return true;
    default:
      return false;
  }
}

function moveFocus(target: Element, step: 1 | -1): boolean {
  const rows = [...document.querySelectorAll<HTMLElement>(".row, .row-more")];
  const here = target.closest(".row-item")?.querySelector<HTMLElement>(".row, .row-more");
  const current = here ?? document.querySelector<HTMLElement>(".row[aria-current]");
  const at = current ? rows.indexOf(current) + step : step > 0 ? 0 : rows.length - 1;
  const next = rows[Math.min(rows.length - 1, Math.max(0, at))];
  next?.focus();
  return next !== undefined;
}

function search(): boolean {
  const field = document.querySelector<HTMLInputElement>("#search");
  // On a phone the list does not show beside a conversation.
  if (!field?.offsetParent) return false;
  field.focus();
  field.select();
  return true;
}

/** "Tomar" for the row that has the focus, else for the ticket on the screen. */
function take(target: Element, console: Console): boolean {
  const focused = target.closest(".row-item")?.querySelector<HTMLElement>(".row")?.dataset.ticket;
  const id = focused ? Number(focused) : console.selected.peek();
  const ticket = console.desk.peek().tickets.get(id ?? 0);
  if (!ticket || !claimable(ticket) || console.link.peek().phase !== "live") return false;
  console.claim(ticket.id);
  return true;
}

function propose(console: Console): boolean {
  const ticket = mine(console);
  if (ticket) console.propose(ticket);
  return ticket !== null;
}

/** `mode`: the verb is for such tickets alone. */
function begin(console: Console, doing: Doing, mode?: AgentTicket["mode"]): boolean {
  const ticket = mine(console);
  if (ticket === null || (mode && ticket.mode !== mode)) return false;
  if (doing !== "closing" && console.link.peek().phase !== "live") return false;
  console.begin(doing);
  return true;
}

/** Pendiente, or back from it. */
function wait(console: Console): boolean {
  const ticket = mine(console);
  if (ticket?.state !== "pending") return begin(console, "pending", "later");
  if (console.link.peek().phase === "live") console.takeBack(ticket.id);
  return true;
}

/** The ticket on the screen, if it is this agent's and goes on. */
function mine(console: Console): AgentTicket | null {
  const ticket = console.ticket.peek();
  return ticket && ticket.state !== "closed" && ticket.agent_id === console.desk.peek().me?.id
    ? ticket
    : null;
}

/** The composer, for the customer or for a note. An answer is only for whose ticket it is, a note for everybody. */
function write(console: Console, as: Writing): boolean {
  const ticket = console.ticket.peek();
  if (!ticket || (as === "answer" && mine(console) === null)) return false;
  console.write(ticket.id, as);
  // It may only now be there.
  requestAnimationFrame(() => document.querySelector<HTMLElement>("#composer")?.focus());
  return true;
}

/** The ticket's row; a closed one has none any more, then the first of the list. */
function focusRow(ticket: number | null): void {
  const row = document.querySelector<HTMLElement>(`.row[data-ticket="${ticket ?? 0}"]`);
  (row ?? document.querySelector<HTMLElement>(".row"))?.focus();
}
