/**
 * Everything the customer's screens show, as one value: `step(state, event, now)` gives the next one and the frames to send.
 * No DOM, no clock, no socket. Old snapshot + events = fresh snapshot.
 */

import type {
  Attention,
  CustomerChanged,
  CustomerFrame,
  CustomerServerFrame,
  CustomerSnapshot,
  CustomerTicket,
  ErrorFrame,
  File,
  Items,
  ItemView,
  Queue,
  Say,
  Welcome,
} from "../wire";

/** A message on its way. It becomes the stored one, which has the same `cid`. */
export interface Pending {
  cid: string;
  ticket: number;
  text: string;
  files: readonly File[];
  at: number;
  sign: "waiting" | "sent" | "failed";
  /** With `failed`: the code of the refusal. */
  code: string;
  /** Once acknowledged: its number. */
  seq: number;
}

/** One ticket and what we hold of its sequence: `items` are in order, each once. */
export interface Room {
  view: CustomerTicket;
  items: ItemView[];
  /** The latest items are here; without it only lists can show this ticket. */
  loaded: boolean;
  /** An `open` is on its way. */
  opening: boolean;
  /** Learned from another life of the database: to be replaced, not continued. */
  stale: boolean;
  /** Earlier items exist on the server. */
  more: boolean;
  /** A `history` is on its way. */
  earlier: boolean;
  typing: { name: string; until: number } | null;
  queue: Queue | null;
}

export interface CustomerState {
  /** Null until the first welcome. */
  welcome: Omit<Welcome, "tickets" | "more" | "attention"> | null;
  attention: Attention | null;
  rooms: ReadonlyMap<number, Room>;
  /** Older tickets exist than those in `rooms`. */
  more: boolean;
  pending: readonly Pending[];
}

export type LocalEvent =
  /** The person looks at a ticket: have its items. */
  | { type: "look"; ticket: number }
  | { type: "earlier"; ticket: number }
  | { type: "written"; frame: Say; files: readonly File[]; at: number; code: string }
  | { type: "again"; cid: string }
  | { type: "discarded"; cid: string };

export interface Next {
  state: CustomerState;
  send: CustomerFrame[];
}

/** Receivers let a typist expire: the sign of stopping may never arrive. */
export const TYPING_MS = 6_000;

export const EMPTY: CustomerState = {
  welcome: null,
  attention: null,
  rooms: new Map(),
  more: false,
  pending: [],
};

export function step(state: CustomerState, event: CustomerServerFrame | LocalEvent, now: number): Next {
  switch (event.type) {
    case "welcome":
      return welcomed(state, event);
    case "changed":
      return changed(state, event);
    case "snapshot":
      return done(snapshot(state, event));
    case "items":
      return page(state, event);
    case "tickets":
      return done({ ...listed(state, event.tickets), more: event.more });
    case "queue":
      return done(inRoom(state, event.ticket, { queue: event }));
    case "attention":
      return done({ ...state, attention: event.attention });
    case "typing": {
      const typing = event.on === false ? null : { name: event.name ?? "", until: now + TYPING_MS };
      return done(inRoom(state, event.ticket, { typing }));
    }
    case "ack":
      return done(settled(marked(state, event.cid, { sign: "sent", seq: event.seq ?? 0 })));
    case "error":
      return done(refused(state, event));
    case "look":
      return looked(state, event.ticket);
    case "earlier":
      return earlier(state, event.ticket);
    case "written":
      return done(written(state, event));
    case "again":
      return done(marked(state, event.cid, { sign: "waiting", code: "" }));
    case "discarded":
      return done({ ...state, pending: state.pending.filter((one) => one.cid !== event.cid) });
    default:
      return done(state);
  }
}

// — what screens ask ———————————————————————————————————————————————————————————

/** Newest first. */
export const roomsInOrder = (state: CustomerState): Room[] =>
  [...state.rooms.values()].sort((a, b) => b.view.id - a.view.id);

export const unreadTotal = (state: CustomerState): number =>
  roomsInOrder(state).reduce((sum, room) => sum + room.view.unread, 0);

export const isOpen = (room?: Room): boolean => room !== undefined && room.view.state !== "closed";

export const anyOpen = (state: CustomerState): boolean => roomsInOrder(state).some(isOpen);

export const numbered = (state: CustomerState, number?: number): Room | undefined =>
  roomsInOrder(state).find((room) => room.view.number === number);

// — beginning and resuming —————————————————————————————————————————————————————

function welcomed(before: CustomerState, frame: Welcome): Next {
  const { tickets, more, attention, ...welcome } = frame;
  const known = before.welcome;
  const old = known?.who === frame.who ? before : EMPTY;
  const stale = known?.epoch !== frame.epoch;
  const again = { typing: null, queue: null, earlier: false };
  const kept = new Map(
    [...old.rooms].map(([id, room]) => [id, { ...room, ...again, stale: room.stale || stale }]),
  );
  // More rooms than the newest page: what was loaded beyond it still stands, and so does what we know of "more".
  const beyond = kept.size > tickets.length;
  let state: CustomerState = { ...old, welcome, attention, rooms: kept, more: beyond ? old.more : more };
  state = listed(state, tickets);
  const send: CustomerFrame[] = [];
  for (const room of state.rooms.values()) {
    const { id } = room.view;
    const fresh = tickets.some((view) => view.id === id);
    const behind = !fresh || lastSeq(room) < room.view.last_seq;
    if (room.opening || (room.loaded && (room.stale || behind))) {
      // A view that the welcome did not bring may be old: only a snapshot has it.
      const next = asked(state, id, fresh && !room.stale);
      state = next.state;
      send.push(...next.send);
    }
  }
  return { state: settled(state), send };
}

function listed(state: CustomerState, views: CustomerTicket[]): CustomerState {
  return views.reduce((all, view) => {
    const room = all.rooms.get(view.id) ?? unloaded(view);
    return put(all, { ...room, view: room.stale ? view : newer(room.view, view) });
  }, state);
}

function looked(state: CustomerState, ticket: number): Next {
  const room = state.rooms.get(ticket);
  return room?.loaded || room?.opening ? done(state) : asked(state, ticket, false);
}

function earlier(state: CustomerState, ticket: number): Next {
  const room = state.rooms.get(ticket);
  const first = room?.items[0];
  if (!room || !first || !room.more || room.earlier) return done(state);
  return {
    state: inRoom(state, ticket, { earlier: true }),
    send: [{ type: "history", ticket, before: first.seq }],
  };
}

/** Ask for what is missing: from the last number without a gap, or all anew. */
function asked(state: CustomerState, ticket: number, resume: boolean): Next {
  const room = state.rooms.get(ticket);
  const after = resume && room?.items.length ? contiguous(room.items) : -1;
  return {
    state: inRoom(state, ticket, { opening: true }),
    send: [{ type: "open", ticket, after, epoch: state.welcome?.epoch ?? "" }],
  };
}

// — what the server says ———————————————————————————————————————————————————————

function changed(state: CustomerState, frame: CustomerChanged): Next {
  const room = state.rooms.get(frame.ticket);
  if (room && !room.stale && frame.version <= room.view.version) return done(state);
  const view = frame.view ?? (room?.view.version === frame.base ? room?.view : null);
  // A change in between was missed, and it may have been any field: only a snapshot has them all.
  if (!view) return room?.opening ? done(state) : asked(state, frame.ticket, false);
  const patched = { ...(room ?? unloaded(view)), view: { ...view, ...frame.patch, version: frame.version } };
  return healed(settled(put(state, withItems(patched, frame.items ?? []))), frame.ticket);
}

function snapshot(state: CustomerState, frame: CustomerSnapshot): CustomerState {
  const held = state.rooms.get(frame.view.id);
  const base = held && !held.stale ? held : unloaded(frame.view);
  const last = lastSeq(frame);
  const since = base.items.filter((item) => item.seq > last);
  const room: Room = {
    ...base,
    view: newer(base.view, frame.view),
    items: [...frame.items, ...since],
    loaded: true,
    opening: false,
    more: frame.more,
    earlier: false,
  };
  return settled(put(state, room));
}

function page(state: CustomerState, frame: Items): Next {
  const next = inRoom(state, frame.ticket, {
    items: merged(state.rooms.get(frame.ticket)?.items ?? [], frame.items),
    loaded: true,
    ...(frame.back ? { more: frame.more, earlier: false } : { opening: frame.more }),
  });
  return healed(settled(next), frame.ticket);
}

/** When no page is on its way and the numbers have a gap: ask for what is missing. */
function healed(state: CustomerState, ticket: number): Next {
  const room = state.rooms.get(ticket);
  if (!room?.loaded || room.opening || contiguous(room.items) === lastSeq(room)) return done(state);
  return asked(state, ticket, true);
}

function refused(state: CustomerState, { verb, cid, ticket = 0, code }: ErrorFrame): CustomerState {
  if (cid) return marked(state, cid, { sign: "failed", code });
  if (verb === "open") return inRoom(state, ticket, { opening: false });
  return verb === "history" ? inRoom(state, ticket, { earlier: false }) : state;
}

// — what was written ———————————————————————————————————————————————————————————

function written(state: CustomerState, event: Extract<LocalEvent, { type: "written" }>): CustomerState {
  const { frame, files, at, code } = event;
  const { cid, ticket, text } = frame;
  if (state.pending.some((one) => one.cid === cid)) return state;
  const sign = code ? "failed" : "waiting";
  const one: Pending = { cid, ticket, text, files, at, sign, code, seq: 0 };
  return settled({ ...state, pending: [...state.pending, one] });
}

const marked = (state: CustomerState, cid: string, change: Partial<Pending>): CustomerState => ({
  ...state,
  pending: state.pending.map((one) => (one.cid === cid ? { ...one, ...change } : one)),
});

/** A pending message whose stored one is here is no longer pending. */
function settled(state: CustomerState): CustomerState {
  const pending = state.pending.filter((one) => {
    const room = state.rooms.get(one.ticket);
    if (!room?.loaded) return true;
    return !(one.seq && one.seq <= lastSeq(room)) && !room.items.some((item) => item.cid === one.cid);
  });
  return { ...state, pending };
}

// — small parts ————————————————————————————————————————————————————————————————

const done = (state: CustomerState): Next => ({ state, send: [] });

const newer = (held: CustomerTicket, got: CustomerTicket) => (held.version > got.version ? held : got);

const unloaded = (view: CustomerTicket): Room => ({
  view,
  items: [],
  loaded: false,
  opening: false,
  stale: false,
  more: false,
  earlier: false,
  typing: null,
  queue: null,
});

const put = (state: CustomerState, room: Room): CustomerState => ({
  ...state,
  rooms: new Map(state.rooms).set(room.view.id, room),
});

function inRoom(state: CustomerState, ticket: number, change: Partial<Room>): CustomerState {
  const room = state.rooms.get(ticket);
  return room ? put(state, { ...room, ...change }) : state;
}

function withItems(room: Room, items: ItemView[]): Room {
  // A new ticket begins with number 1: then this is all there is. Of any other we would hold a part.
  const loaded = room.loaded || items[0]?.seq === 1;
  const answered = items.some((item) => item.by === "agent");
  return {
    ...room,
    loaded,
    items: loaded ? merged(room.items, items) : room.items,
    typing: answered ? null : room.typing,
    queue: room.view.waiting ? room.queue : null,
  };
}

/** Both, in order, each number once. */
function merged(held: ItemView[], got: ItemView[]): ItemView[] {
  const bySeq = new Map([...held, ...got].map((item) => [item.seq, item]));
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq);
}

const lastSeq = ({ items }: { items: ItemView[] }): number => items.at(-1)?.seq ?? 0;

/** The last number before the first gap; -1 when there are none. */
function contiguous(items: ItemView[]): number {
  const gap = items.findIndex((item, i) => i > 0 && item.seq !== (items[i - 1] as ItemView).seq + 1);
  return items.at(gap < 0 ? -1 : gap - 1)?.seq ?? -1;
}
