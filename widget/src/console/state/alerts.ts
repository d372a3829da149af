/** What deserves a sound, decided by comparing two desks. Pure: who rings, and how, is for others. */

import type { AgentTicket } from "../../wire";
import type { Desk, UnreadNote } from "./desk";
import { unreadNotes } from "./lists";
import { beyond } from "./pages";

export type AlertKind = "waiting" | "assigned" | "message" | "note";

export interface TicketAlert {
  readonly kind: Exclude<AlertKind, "note">;
  readonly ticket: AgentTicket;
}

/** A mail said something about a ticket, which may be none that is held. */
export interface NoteAlert {
  readonly kind: "note";
  readonly note: UnreadNote;
}

export type Alert = TicketAlert | NoteAlert;

/** The ticket that it is about. */
export const about = (alert: Alert): number => (alert.kind === "note" ? alert.note.ticket : alert.ticket.id);

/** Seconds between two reminders of a chat that was given to me and that I have not looked at. */
export const REPEAT_MS = 10_000;

/**
 * What is new in `after`. Nothing is new on the first desk after signing in: the list is on the screen, and after a
 * reconnect only what really was not there before counts.
 */
export function alerts(before: Desk, after: Desk): readonly Alert[] {
  const me = after.me?.id;
  if (before.me === null || me === undefined || before === after) return [];
  return [...ticketAlerts(before, after, me), ...noteAlerts(before, after)];
}

function noteAlerts(before: Desk, after: Desk): readonly NoteAlert[] {
  const held = before.unread;
  if (held === null || held === after.unread) return [];
  return unreadNotes(after)
    .filter((note) => note.seq > (held.get(note.ticket)?.seq ?? 0))
    .map((note): NoteAlert => ({ kind: "note", note }));
}

function ticketAlerts(before: Desk, after: Desk, me: number): readonly TicketAlert[] {
  if (before.tickets === after.tickets) return [];
  const found: TicketAlert[] = [];
  for (const ticket of after.tickets.values()) {
    const old = before.tickets.get(ticket.id);
    if (old === ticket || ticket.state === "closed") continue;
    // From where the queue was not held a page was fetched, or the first one moved on: they have waited before.
    if (ticket.waiting && beyond(before.ends, ticket)) continue;
    const kind = newsOf(old, ticket, me, after.busy.has(`claim:${ticket.id}`));
    if (kind) found.push({ kind, ticket });
  }
  return found;
}

function newsOf(
  old: AgentTicket | undefined,
  now: AgentTicket,
  me: number,
  claiming: boolean,
): TicketAlert["kind"] | null {
  const mine = now.agent_id === me;
  if (now.waiting && !old?.waiting) return "waiting";
  // What I took myself is no news to me.
  if (mine && old?.agent_id !== me) return claiming || !isUnseen(now, me) ? null : "assigned";
  if (mine && now.unread > (old?.unread ?? 0)) return "message";
  return null;
}

/** A chat that was given to me and that I have neither looked at nor answered. */
export function isUnseen(ticket: AgentTicket, me: number): boolean {
  if (ticket.agent_id !== me || ticket.state !== "open" || ticket.mode !== "live") return false;
  return (ticket.answer_due_at !== null || ticket.reminded) && ticket.seen < ticket.last_seq;
}

/** The chats whose sound repeats until they are seen. */
export function unseen(desk: Desk): readonly AgentTicket[] {
  const me = desk.me?.id;
  return me === undefined ? [] : [...desk.tickets.values()].filter((ticket) => isUnseen(ticket, me));
}

/** Where the agent's eyes are: per tab, the ticket on the screen of a tab that is visible (0: visible, none selected). */
export type Looking = ReadonlyMap<string, number>;

/** Nobody is told by a sound about what is before their eyes, in this tab or another. */
export function audible(alert: Alert, looking: Looking): boolean {
  const eyes = [...looking.values()];
  return !eyes.includes(about(alert));
}
