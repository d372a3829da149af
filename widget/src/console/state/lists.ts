/** The three lists of the console, derived from the tickets that are held. */

import type { AgentTicket } from "../../wire";
import type { Desk } from "./desk";

export interface Lists {
  /** En espera: as the queue goes, who waits longest first. */
  readonly waiting: readonly AgentTicket[];
  /** Mis chats: my open live ones; who waits for my answer first, then the latest word. */
  readonly mine: readonly AgentTicket[];
  /** Solicitudes: open ones to be answered later, nobody's or mine, oldest first. */
  readonly requests: readonly AgentTicket[];
}

export const NOTHING: Lists = { waiting: [], mine: [], requests: [] };

export function lists(desk: Desk): Lists {
  const me = desk.me?.id;
  if (me === undefined) return NOTHING;
  const open = [...desk.tickets.values()].filter((ticket) => ticket.state !== "closed");
  return {
    waiting: open.filter((ticket) => ticket.waiting).sort(byWaiting),
    mine: open.filter((ticket) => ticket.agent_id === me && ticket.mode === "live").sort(byTurn),
    requests: open
      .filter((ticket) => isRequest(ticket, me))
      .sort((a, b) => a.opened_at - b.opened_at || a.id - b.id),
  };
}

/** Chats at once that count against my capacity. */
export function load(desk: Desk): number {
  return lists(desk).mine.length;
}

/** "Tomar" is offered: nobody has it, and it waits or is to be answered later. */
export function claimable(ticket: AgentTicket): boolean {
  return ticket.state !== "closed" && ticket.agent_id === null && (ticket.waiting || ticket.mode === "later");
}

/** Messages of customers that I have not read. */
export function unread(desk: Desk): number {
  const { mine, requests } = lists(desk);
  const me = desk.me?.id;
  return [...mine, ...requests].reduce(
    (sum, ticket) => sum + (ticket.agent_id === me ? ticket.unread : 0),
    0,
  );
}

function isRequest(ticket: AgentTicket, me: number): boolean {
  return ticket.mode === "later" && (ticket.agent_id === null || ticket.agent_id === me);
}

/** The queue's own order (a returned chat goes first), then since when. */
function byWaiting(a: AgentTicket, b: AgentTicket): number {
  return (a.queue_rank ?? 0) - (b.queue_rank ?? 0) || (a.queued_at ?? 0) - (b.queued_at ?? 0) || a.id - b.id;
}

/** Stable while talking: a row moves only when the turn changes, or somebody new comes. */
function byTurn(a: AgentTicket, b: AgentTicket): number {
  const owed = (ticket: AgentTicket) => (ticket.clock?.turn === "customer" ? 1 : 0);
  return owed(a) - owed(b) || since(a) - since(b) || a.id - b.id;
}

function since(ticket: AgentTicket): number {
  return ticket.assigned_at ?? ticket.opened_at;
}
