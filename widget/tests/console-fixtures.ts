/** Tickets, items and frames of an agent's console, with just enough in them. */

import type {
  AgentChangedFrame,
  AgentSnapshot,
  AgentTicket,
  AgentWelcome,
  Clock,
  ItemView,
} from "../src/wire";

export const ME = { id: 7, name: "Ana Ruiz" };

export function ticket(fields: Partial<AgentTicket> & { id: number }): AgentTicket {
  return {
    app: "facturas",
    number: 1000 + fields.id,
    subject: "No puedo emitir una factura",
    state: "open",
    mode: "live",
    close_reason: null,
    opened_at: 0,
    closed_at: null,
    follows: 0,
    customer: {
      id: 1,
      name: "Lucía Ortega",
      alias: "BCDF",
      email: "",
      verified: true,
      account: false,
      locale: "es",
      zone: "UTC",
      claimed: "",
    },
    agent_id: null,
    agent: "",
    waiting: false,
    queued_at: null,
    queue_rank: null,
    assigned_at: null,
    answer_due_at: null,
    answered_at: null,
    reminded: false,
    clock: null,
    proposal: null,
    last_seq: 1,
    last: null,
    seen: 0,
    customer_seen: 0,
    unread: 0,
    rating: null,
    email: "",
    priority: 0,
    mail_problem: "",
    version: 1,
    source: "chat",
    type: "",
    category: "",
    case_kind: "",
    case: "",
    wanted: "",
    development: false,
    missing: [],
    closes_at: null,
    answer_by: null,
    solve_by: null,
    ...fields,
  };
}

export const waiting = (id: number, queued_at: number, queue_rank = queued_at) =>
  ticket({ id, waiting: true, queued_at, queue_rank });

/** A chat of mine that was given to me and that I have not answered. */
export const given = (id: number, fields: Partial<AgentTicket> = {}) =>
  ticket({
    id,
    agent_id: ME.id,
    agent: ME.name,
    assigned_at: 10,
    answer_due_at: 60_000,
    last_seq: 2,
    seen: 0,
    ...fields,
  });

export function clock(turn: Clock["turn"]): Clock {
  return {
    turn,
    queued: false,
    active_at: 0,
    agent_spoke_at: 0,
    gone_at: null,
    floor_at: 0,
    email: true,
    seconds: 300,
    warning_seconds: 60,
    strict: false,
  };
}

export function item(seq: number, fields: Partial<ItemView> = {}): ItemView {
  return { seq, at: seq * 1000, kind: "message", by: "customer", text: `n.º ${seq}`, ...fields };
}

export function welcome(tickets: AgentTicket[]): AgentWelcome {
  return {
    type: "welcome",
    v: 1,
    now: 0,
    epoch: "e1",
    ...ME,
    email: "ana@chat.example",
    status: "available",
    capacity: 4,
    apps: [
      {
        key: "facturas",
        name: "Facturas",
        color: "#2f55d4",
        waiting: 0,
        requests: 0,
        file_bytes: 20_971_520,
        form: "3b1f0c9a5de27746",
        mails: true,
        files_per_message: 10,
      },
    ],
    heartbeat: 5,
    tickets,
    more: [],
  };
}

export function changed(
  id: number,
  base: number,
  version: number,
  rest: Partial<AgentChangedFrame>,
): AgentChangedFrame {
  return { type: "changed", ticket: id, base, version, ...rest };
}

export function snapshot(view: AgentTicket, items: ItemView[]): AgentSnapshot {
  return { type: "snapshot", view, items, more: false };
}
