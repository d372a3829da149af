/**
 * The lists that all agents of an app share, of which the console holds the beginning: everything up to the last ticket that
 * a page brought. What stands beyond it is counted and not held, so that the beginning never has a hole.
 */

import type { AgentTicket, Waits } from "../../wire";

/** The place of the last ticket that a page brought, as the server is asked for the next one. */
export interface End {
  readonly rank: number;
  readonly after: number;
}

/** Nothing was brought yet: the server's beginning of every list. */
export const FIRST: End = { rank: Number.MIN_SAFE_INTEGER, after: 0 };

/** The shared list that a ticket stands in: nobody has it yet. */
export function listOf(ticket: AgentTicket): Waits | null {
  if (ticket.state === "closed" || ticket.agent_id !== null) return null;
  if (ticket.mode === "later") return "requests";
  return ticket.waiting ? "waiting" : null;
}

/** The end of the list after these tickets came; null when none of them stands in it. */
export function endOf(of: Waits, tickets: readonly AgentTicket[]): End | null {
  const last = tickets
    .filter((ticket) => listOf(ticket) === of)
    .sort(byPlace)
    .at(-1);
  return last ? place(last) : null;
}

/** Not among what is held of its list. `null`: a ticket of which nothing but a change is known, so it is in none that is. */
export function beyond(ends: Readonly<Record<Waits, End | null>>, ticket: AgentTicket | null): boolean {
  if (ticket === null) return ends.waiting !== null || ends.requests !== null;
  const of = listOf(ticket);
  const end = of && ends[of];
  if (!end) return false;
  const { rank, after } = place(ticket);
  return rank > end.rank || (rank === end.rank && after > end.after);
}

/** The server's own order: in the queue by rank (a returned chat goes first), then and else the earlier ticket. */
export function byPlace(a: AgentTicket, b: AgentTicket): number {
  return place(a).rank - place(b).rank || a.id - b.id;
}

function place(ticket: AgentTicket): End {
  const rank = listOf(ticket) === "waiting" ? (ticket.queue_rank ?? 0) : FIRST.rank;
  return { rank, after: ticket.id };
}
