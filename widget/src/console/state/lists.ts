/** The three lists of the console, derived from the tickets that are held. */

import type { AgentTicket, Waits } from "../../wire";
import type { Desk, UnreadNote } from "./desk";
import { beyond, byPlace, listOf } from "./pages";

export interface Lists {
  /** En espera: as the queue goes, who waits longest first. */
  readonly waiting: readonly AgentTicket[];
  /** Mis chats: my open live ones; who waits for my answer first, then the latest word. */
  readonly mine: readonly AgentTicket[];
  /** Solicitudes: open ones to be answered later, nobody's or mine, oldest first. */
  readonly requests: readonly AgentTicket[];
  /** How many there are of each, held or not. */
  readonly total: Readonly<Record<"waiting" | "mine" | "requests", number>>;
}

export const NOTHING: Lists = {
  waiting: [],
  mine: [],
  requests: [],
  total: { waiting: 0, mine: 0, requests: 0 },
};

export function lists(desk: Desk): Lists {
  const me = desk.me?.id;
  if (me === undefined) return NOTHING;
  const open = [...desk.tickets.values()].filter(
    (ticket) => ticket.state !== "closed" && !beyond(desk.ends, ticket),
  );
  const waiting = open.filter((ticket) => ticket.waiting).sort(byPlace);
  const mine = open.filter((ticket) => ticket.agent_id === me && ticket.mode === "live").sort(byTurn);
  const requests = open
    .filter((ticket) => isRequest(ticket, me))
    .sort((a, b) => a.opened_at - b.opened_at || a.id - b.id);
  const own = requests.filter((ticket) => ticket.agent_id === me).length;
  const total = {
    waiting: all(desk, "waiting", waiting.length),
    mine: mine.length,
    requests: own + all(desk, "requests", requests.length - own),
  };
  return { waiting, mine, requests, total };
}

/** How many are held of a list: as far as its pages go. */
export function held(desk: Desk, of: Waits): number {
  let count = 0;
  for (const ticket of desk.tickets.values()) {
    if (listOf(ticket) === of && !beyond(desk.ends, ticket)) count++;
  }
  return count;
}

/** What is held altogether needs no count; else the server's, which comes a moment later than the tickets do. */
function all(desk: Desk, of: Waits, here: number): number {
  if (desk.ends[of] === null) return here;
  const counted = [...desk.counts.values()].reduce((sum, counts) => sum + counts[of], 0);
  return Math.max(counted, here);
}

/** Chats at once that count against my capacity. */
export function load(desk: Desk): number {
  return lists(desk).mine.length;
}

/** A customer's tickets besides this one, newest first: as they were read, and as they stand by what was heard of them since. */
export function customersTickets(
  desk: Desk,
  of: "open" | "earlier",
  beside: AgentTicket,
): readonly AgentTicket[] {
  const { id } = beside.customer;
  const read = [desk.open, desk.earlier].flatMap((pages) => pages.get(id)?.tickets ?? []);
  const found = new Map<number, AgentTicket>();
  for (const ticket of [...read, ...desk.tickets.values()]) {
    if (ticket.customer.id !== id) continue;
    if (ticket.version > (found.get(ticket.id)?.version ?? 0)) found.set(ticket.id, ticket);
  }
  found.delete(beside.id);
  const belongs = (ticket: AgentTicket) => (ticket.state === "closed") === (of === "earlier");
  return [...found.values()].filter(belongs).sort((a, b) => b.id - a.id);
}

/** "Tomar" is offered: nobody has it, and it waits or is to be answered later. */
export function claimable(ticket: AgentTicket): boolean {
  return ticket.state !== "closed" && ticket.agent_id === null && (ticket.waiting || ticket.mode === "later");
}

/** What mails said and nobody has read, where I attend the ticket or nobody does. */
export function unreadNotes(desk: Desk): readonly UnreadNote[] {
  const me = desk.me?.id;
  return [...(desk.unread?.values() ?? [])].filter((note) => {
    const held = desk.tickets.get(note.ticket);
    const agent = held ? held.agent_id : note.agent_id;
    return held?.state !== "closed" && (agent === null || agent === me);
  });
}

/** Messages of customers that I have not read, and notes by mail. */
export function unread(desk: Desk): number {
  const { mine, requests } = lists(desk);
  const me = desk.me?.id;
  return [...mine, ...requests].reduce(
    (sum, ticket) => sum + (ticket.agent_id === me ? ticket.unread : 0),
    unreadNotes(desk).length,
  );
}

/** What calls for an agent, wherever they are: whoever waits, and what customers wrote and nobody has read. */
export function calling(desk: Desk): number {
  return lists(desk).total.waiting + unread(desk);
}

function isRequest(ticket: AgentTicket, me: number): boolean {
  return ticket.mode === "later" && (ticket.agent_id === null || ticket.agent_id === me);
}

/** Stable while talking: a row moves only when the turn changes, or somebody new comes. */
function byTurn(a: AgentTicket, b: AgentTicket): number {
  const owed = (ticket: AgentTicket) => (ticket.clock?.turn === "customer" ? 1 : 0);
  return owed(a) - owed(b) || since(a) - since(b) || a.id - b.id;
}

function since(ticket: AgentTicket): number {
  return ticket.assigned_at ?? ticket.opened_at;
}
