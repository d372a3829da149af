/**
 * What an agent's console knows, and how each frame changes it. Pure: a frame and a time go in, a new desk and the frames
 * to be sent come out; nothing is ever changed in place, so views compare by identity.
 */

import type {
  AgentChangedFrame,
  AgentFrame,
  AgentServerFrame,
  AgentSnapshot,
  AgentTicket,
  AgentTickets,
  AgentWelcome,
  AppInfo,
  Code,
  Context,
  CountFrame,
  DeskPage,
  ErrorFrame,
  Items,
  Noted,
  Notes as NotesPage,
  NotesSeen,
  File as Sent,
  Status,
  UnreadNotes,
  UnreadNoteView,
  Waits,
  Wrong,
} from "../../wire";
import { lastOf, type Notes, noted } from "./notes";
import { beyond, type End, endOf, FIRST } from "./pages";
import { append, prepend, resumeAfter, type Thread } from "./thread";

/** A customer's typing sign lives so long (ms) unless it is renewed: the stop may never arrive. */
export const TYPING_MS = 6000;

export interface Me {
  readonly id: number;
  readonly name: string;
  readonly email: string;
  readonly status: Status;
  readonly capacity: number;
  readonly apps: readonly AppInfo[];
}

/** A message of ours on its way: shown until its item arrives. */
export interface Pending {
  readonly ticket: number;
  readonly cid: string;
  readonly kind: "say" | "propose" | "note";
  readonly text: string;
  readonly files: readonly Sent[];
  readonly at: number;
  /** Why the server refused it; the text stays so that nothing typed is lost. */
  readonly error: Code | null;
  /** What the refusal says is the limit, 0 where there is none. */
  readonly limit: number;
}

/** The latest refusal of a verb without `cid`, shown where the verb was pressed. */
export interface Refusal {
  readonly verb: string;
  readonly ticket: number;
  readonly code: Code;
  readonly limit: number;
  /** Of `bad_form`: what is wrong with each field. */
  readonly fields?: Readonly<Record<string, Wrong>>;
}

/** A customer's tickets: those that are closed, or the others. */
export interface Earlier {
  readonly tickets: readonly AgentTicket[];
  readonly more: boolean;
}

/** What a mail said about a ticket and no agent has read. */
export interface UnreadNote extends UnreadNoteView {
  /** Of the last one; "" of what was there before this console was. */
  readonly text: string;
}

/** How many there are in an app's lists, shown or not. */
export type Counts = Readonly<Record<Waits, number>>;

export interface Desk {
  readonly epoch: string;
  readonly me: Me | null;
  /** By the app's key. */
  readonly counts: ReadonlyMap<string, Counts>;
  /** Up to where a shared list is held; null: all of it. */
  readonly ends: Readonly<Record<Waits, End | null>>;
  /** The list whose next page is on its way: one at a time. */
  readonly asked: Waits | null;
  readonly tickets: ReadonlyMap<number, AgentTicket>;
  readonly threads: ReadonlyMap<number, Thread>;
  /** What agents say among themselves, of tickets that were opened. */
  readonly notes: ReadonlyMap<number, Notes>;
  /** By ticket, whether it is held or not; null while the server has not said which there are. */
  readonly unread: ReadonlyMap<number, UnreadNote> | null;
  /** By customer: closed ones. */
  readonly earlier: ReadonlyMap<number, Earlier>;
  /** And those that are not. */
  readonly open: ReadonlyMap<number, Earlier>;
  /** Until when (ms) the customer of a ticket is shown as typing. */
  readonly typing: ReadonlyMap<number, number>;
  readonly pending: readonly Pending[];
  readonly refusal: Refusal | null;
  /** Verbs that were asked and not answered: `verb:ticket`. The connection repeats them, so a reconnect keeps them. */
  readonly busy: ReadonlySet<string>;
}

export interface Step {
  readonly desk: Desk;
  readonly send: readonly AgentFrame[];
}

export const EMPTY: Desk = {
  epoch: "",
  me: null,
  counts: new Map(),
  ends: { waiting: null, requests: null },
  asked: null,
  tickets: new Map(),
  threads: new Map(),
  notes: new Map(),
  unread: null,
  earlier: new Map(),
  open: new Map(),
  typing: new Map(),
  pending: [],
  refusal: null,
  busy: new Set(),
};

/** The desk after a frame of the server. `now`: ms; `selected`: the ticket that is on the screen. */
export function receive(desk: Desk, frame: AgentServerFrame, now: number, selected: number | null): Step {
  switch (frame.type) {
    case "welcome":
      return welcomed(desk, frame, selected);
    case "changed":
      return changed(desk, frame);
    case "snapshot":
      return { desk: snapshot(desk, frame), send: [] };
    case "items":
      return items(desk, frame);
    case "noted":
      return oneNoted(desk, frame);
    case "notes":
      return notesRead(desk, frame);
    case "unread_notes":
      return calm({ ...desk, unread: unreadNotes(desk, frame) });
    case "notes_seen":
      return calm(notesSeen(desk, frame));
    case "tickets": {
      const of = frame.open ? "open" : "earlier";
      return calm({ ...desk, [of]: with_(desk[of], frame.customer, paged(desk[of], frame)) });
    }
    case "desk":
      return calm(turned(desk, frame));
    case "count":
      return calm({ ...desk, counts: with_(desk.counts, frame.app, counts(frame)) });
    case "status":
      return calm(desk.me ? { ...desk, me: { ...desk.me, status: frame.status } } : desk);
    case "typing": {
      if (frame.on === false) return calm({ ...desk, typing: without(desk.typing, frame.ticket) });
      return calm({ ...desk, typing: with_(desk.typing, frame.ticket, now + TYPING_MS) });
    }
    case "done":
      return calm({ ...desk, busy: omit(desk.busy, `${frame.verb}:${frame.ticket ?? 0}`) });
    case "error":
      return calm(refused(desk, frame));
    default:
      return calm(desk); // ack: the item itself arrives as `changed`; pong and goaway are the connection's business
  }
}

/** The desk after our own message was put on its way. */
export function sending(desk: Desk, message: Omit<Pending, "error" | "limit">): Desk {
  const others = desk.pending.filter(({ cid }) => cid !== message.cid);
  return { ...desk, pending: [...others, { ...message, error: null, limit: 0 }], refusal: null };
}

/** The desk without one refused message: it was sent anew, or put back into the composer. */
export function dropped(desk: Desk, cid: string): Desk {
  return { ...desk, pending: desk.pending.filter((message) => message.cid !== cid) };
}

/** The desk while a verb waits for its answer. */
export function asking(desk: Desk, verb: string, ticket: number): Desk {
  return { ...desk, busy: new Set([...desk.busy, `${verb}:${ticket}`]), refusal: null };
}

/** The desk, and the frame that asks for the next page of a list; null when all of it is held, or a page is on its way. */
export function turning(desk: Desk, of: Waits): { desk: Desk; frame: AgentFrame } | null {
  const end = desk.ends[of];
  if (end === null || desk.asked !== null) return null;
  return { desk: { ...desk, asked: of }, frame: { type: "desk", of, ...end } };
}

/** The frame that loads a ticket's conversation, or brings it up to date. */
export function opening(desk: Desk, ticket: number): AgentFrame {
  return { type: "open", ticket, after: resumeAfter(desk.threads.get(ticket)), epoch: desk.epoch };
}

/** The frame that reads a ticket's notes, or those that are missing. */
export function readingNotes(desk: Desk, ticket: number): AgentFrame {
  return { type: "notes", ticket, after: lastOf(desk.notes.get(ticket)), epoch: desk.epoch };
}

// — frames —————————————————————————————————————————————————————————————————————

function welcomed(desk: Desk, frame: AgentWelcome, selected: number | null): Step {
  const { id, name, email, status, capacity, apps } = frame;
  // Another database: nothing that was held means anything now, except what was typed.
  const same = frame.epoch === desk.epoch;
  const tickets = new Map(frame.tickets.map((ticket) => [ticket.id, ticket]));
  const shown = same && selected !== null ? desk.tickets.get(selected) : undefined;
  if (shown && !tickets.has(shown.id)) tickets.set(shown.id, shown);
  const ends = { waiting: null, requests: null } as Record<Waits, End | null>;
  for (const of of frame.more) ends[of] = endOf(of, frame.tickets) ?? FIRST;
  // Of all that was ever opened, one's own and what is on the screen: the rest is asked for when it is looked at again.
  const goesOn = (ticket: number) => ticket === selected || tickets.get(ticket)?.agent_id === id;
  const threads = new Map([...(same ? desk.threads : [])].filter(([ticket]) => goesOn(ticket)));
  const notes = new Map([...(same ? desk.notes : [])].filter(([ticket]) => goesOn(ticket)));
  const fresh: Desk = {
    ...desk,
    epoch: frame.epoch,
    me: { id, name, email, status, capacity, apps },
    counts: new Map(apps.map((app) => [app.key, counts(app)])),
    ends,
    asked: null,
    tickets,
    threads,
    notes,
    unread: same ? desk.unread : null,
    earlier: same ? desk.earlier : new Map(),
    open: same ? desk.open : new Map(),
    typing: new Map(),
    refusal: null,
  };
  // What is on the screen is asked for also when the welcome no longer lists it: its last state would be a guess.
  const wanted = new Set(threads.keys());
  if (selected !== null) wanted.add(selected);
  const send = [...wanted].map((ticket) => opening(fresh, ticket));
  return { desk: fresh, send };
}

function changed(desk: Desk, frame: AgentChangedFrame): Step {
  const held = desk.tickets.get(frame.ticket);
  let tickets = desk.tickets;
  if (!held || frame.version > held.version) {
    const view = frame.view ?? (held && held.version === frame.base ? { ...held, ...frame.patch } : null);
    if (!held && beyond(desk.ends, frame.view ?? null)) return calm(desk); // not on any page that we hold
    // A change was missed: `open` is answered with the items that are missing and the whole ticket.
    if (view === null) return { desk, send: [opening(desk, frame.ticket)] };
    tickets = with_(tickets, frame.ticket, { ...view, version: frame.version });
  }
  return added(informed({ ...desk, tickets }, frame), frame.ticket, frame.items ?? []);
}

/** The form of an open ticket, where this change changed it. */
function informed(desk: Desk, { ticket, form }: AgentChangedFrame): Desk {
  const thread = desk.threads.get(ticket);
  if (!form || !thread) return desk;
  return { ...desk, threads: with_(desk.threads, ticket, { ...thread, form }) };
}

function snapshot(desk: Desk, frame: AgentSnapshot): Desk {
  const { view } = frame;
  const held = desk.tickets.get(view.id);
  const newer = held !== undefined && held.version > view.version;
  return arrived(
    {
      ...desk,
      tickets: newer ? desk.tickets : with_(desk.tickets, view.id, view),
      threads: with_(desk.threads, view.id, {
        items: frame.items,
        more: frame.more,
        context: (frame.context ?? {}) as Context,
        form: frame.form ?? null,
      }),
    },
    view.id,
    frame.items,
  );
}

/** A page at the end of what is held. What was heard of its tickets meanwhile is newer, or the very same. */
function turned(desk: Desk, frame: DeskPage): Desk {
  const { of } = frame;
  const tickets = new Map(desk.tickets);
  for (const ticket of frame.tickets) {
    if (ticket.version >= (tickets.get(ticket.id)?.version ?? 0)) tickets.set(ticket.id, ticket);
  }
  if (of === "mine") return { ...desk, tickets };
  const end = desk.ends[of];
  if (end?.rank !== frame.rank || end.after !== frame.after) return desk; // the answer to somebody else's question
  const next = frame.more ? (endOf(of, frame.tickets) ?? end) : null;
  return { ...desk, tickets, ends: { ...desk.ends, [of]: next }, asked: null };
}

const counts = ({ waiting, requests }: AppInfo | CountFrame): Counts => ({ waiting, requests });

function items(desk: Desk, frame: Items): Step {
  const thread = desk.threads.get(frame.ticket);
  if (frame.back) {
    if (!thread) return calm(desk);
    const fuller = prepend(thread, frame.items, frame.more);
    return calm({ ...desk, threads: with_(desk.threads, frame.ticket, fuller) });
  }
  return added(desk, frame.ticket, frame.items);
}

/** Items at the end of a thread; asks for what is missing when they do not follow. A thread never opened stays unloaded. */
function added(desk: Desk, ticket: number, fresh: AgentChangedFrame["items"] & {}): Step {
  const thread = desk.threads.get(ticket);
  if (!thread || fresh.length === 0) return calm(arrived(desk, ticket, fresh));
  const next = append(thread, fresh);
  if (next.gap) return { desk, send: [opening(desk, ticket)] };
  return calm(arrived({ ...desk, threads: with_(desk.threads, ticket, next.thread) }, ticket, fresh));
}

/** A note as it was written. Of a ticket that was not opened none is kept: they are read when it is. */
function oneNoted(before: Desk, frame: Noted): Step {
  const { ticket, note } = frame;
  const desk = note.mail ? unreadNote(before, frame) : before;
  const held = desk.notes.get(ticket);
  if (!held) return calm(stored(desk, [note.cid]));
  const notes = noted(held, [note]);
  if (notes === null) return { desk, send: [readingNotes(desk, ticket)] };
  return calm(stored({ ...desk, notes: with_(desk.notes, ticket, notes) }, [note.cid]));
}

/** Pages follow one another, newest first; the first page replaces what was held. */
function paged(of: ReadonlyMap<number, Earlier>, { customer, tickets, more }: AgentTickets): Earlier {
  const held = of.get(customer)?.tickets ?? [];
  const oldest = held.at(-1)?.id ?? 0;
  const follows = tickets.every((ticket) => ticket.id < oldest);
  return { tickets: follows ? [...held, ...tickets] : tickets, more };
}

/** What a mail said is unread, of a ticket that is held or not. */
function unreadNote(desk: Desk, frame: Noted): Desk {
  const { ticket, note, number = 0, subject = "", agent_id = null } = frame;
  if (desk.unread === null || (desk.unread.get(ticket)?.seq ?? 0) >= note.seq) return desk;
  const one = { ticket, seq: note.seq, number, subject, agent_id, text: note.text };
  return { ...desk, unread: with_(desk.unread, ticket, one) };
}

/** All that there are: what was heard of them before keeps its words. */
function unreadNotes(desk: Desk, { notes }: UnreadNotes): ReadonlyMap<number, UnreadNote> {
  const text = ({ ticket, seq }: UnreadNoteView) => {
    const held = desk.unread?.get(ticket);
    return held?.seq === seq ? held.text : "";
  };
  return new Map(notes.map((one) => [one.ticket, { ...one, text: text(one) }]));
}

function notesSeen(desk: Desk, { ticket, seq }: NotesSeen): Desk {
  const held = desk.unread?.get(ticket);
  if (!desk.unread || !held || held.seq > seq) return desk;
  return { ...desk, unread: without(desk.unread, ticket) };
}

/** A page of them, and the next one is asked for. What was heard meanwhile is held already. */
function notesRead(desk: Desk, frame: NotesPage): Step {
  const held = desk.notes.get(frame.ticket) ?? [];
  const notes = noted(held, frame.notes);
  // What follows the number that it was asked for is all there is to have: asked for anew, it would be the same page without end.
  if (notes === null)
    return frame.after === lastOf(held) ? calm(desk) : { desk, send: [readingNotes(desk, frame.ticket)] };
  const cids = frame.notes.map(({ cid }) => cid);
  const next = stored({ ...desk, notes: with_(desk.notes, frame.ticket, notes) }, cids);
  return { desk: next, send: frame.more ? [readingNotes(next, frame.ticket)] : [] };
}

/** What was stored under these is no longer on its way. */
function stored(desk: Desk, cids: readonly string[]): Desk {
  const gone = (one: Pending) => cids.includes(one.cid);
  return desk.pending.some(gone) ? { ...desk, pending: desk.pending.filter((one) => !gone(one)) } : desk;
}

/** Our messages among `fresh` are no longer on their way; a customer who has spoken is no longer typing. */
function arrived(desk: Desk, ticket: number, fresh: AgentChangedFrame["items"] & {}): Desk {
  if (fresh.length === 0) return desk;
  const cids = new Set(fresh.map((item) => item.cid).filter(Boolean));
  const pending = desk.pending.some(({ cid }) => cids.has(cid))
    ? desk.pending.filter(({ cid }) => !cids.has(cid))
    : desk.pending;
  const spoke = fresh.some((item) => item.by === "customer");
  return { ...desk, pending, typing: spoke ? without(desk.typing, ticket) : desk.typing };
}

function refused(desk: Desk, frame: ErrorFrame): Desk {
  const { code, verb = "", cid, ticket = 0, limit = 0, fields } = frame;
  if (cid) {
    const pending = desk.pending.map((message) =>
      message.cid === cid ? { ...message, error: code, limit } : message,
    );
    return { ...desk, pending };
  }
  const busy = omit(desk.busy, `${verb}:${ticket}`);
  return { ...desk, busy, refusal: { verb, ticket, code, limit, ...(fields && { fields }) } };
}

// — inner ——————————————————————————————————————————————————————————————————————

function calm(desk: Desk): Step {
  return { desk, send: [] };
}

function with_<K, V>(map: ReadonlyMap<K, V>, key: K, value: V): ReadonlyMap<K, V> {
  return new Map(map).set(key, value);
}

function without<K, V>(map: ReadonlyMap<K, V>, key: K): ReadonlyMap<K, V> {
  if (!map.has(key)) return map;
  const rest = new Map(map);
  rest.delete(key);
  return rest;
}

function omit(set: ReadonlySet<string>, value: string): ReadonlySet<string> {
  return set.has(value) ? new Set([...set].filter((entry) => entry !== value)) : set;
}
