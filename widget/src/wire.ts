// Generated from chatserver/realtime/wire.py by scripts/wire_types.py: change it there. docs/protocol.md explains it.

export const VERSION = 1;
export const MAX_FRAME_BYTES = 65536;
export const PAGE = 100;
export const REPLAY = 500;
export const SNAPSHOT = 50;

/** Why a socket was closed: below 4500 come back (with jitter), from 4500 on stop and say so. */
export const CLOSE = {
  /** The server stops or restarts: come back after the `goaway`'s time. */
  GOING_AWAY: 4001,
  /** Your queue was full: come back with the last number you have. */
  SLOW: 4002,
  /** Nothing was heard from you: no first frame in time, or none for two heartbeats. */
  SILENT: 4003,
  /**
   * Nobody can be let in just now, since too many come at once or the database is away: come back later, or
   * at the moment that an `error` frame gave.
   */
  TRY_LATER: 4004,
  /** Our fault, logged. Come back. */
  INTERNAL: 4005,
  /** Frames went on after several `rate_limited` answers. Come back, slower. */
  FLOOD: 4008,
  /** No valid first frame, or credentials that will not get better: an `error` frame said why. */
  BAD_AUTH: 4501,
  /** Signed out, here or elsewhere. */
  SESSION_ENDED: 4502,
  /** A version we do not speak, or frames that are no frames (binary, not JSON) again and again. */
  BAD_PROTOCOL: 4503,
} as const;

export type Code =
  | "bad_frame"
  | "unknown_type"
  | "too_long"
  | "too_short"
  | "bad_email"
  | "email_required"
  | "name_required"
  | "not_found"
  | "ticket_closed"
  | "ticket_not_live"
  | "ticket_not_waiting"
  | "at_capacity"
  | "not_yours"
  | "no_proposal"
  | "not_rateable"
  | "rating_over"
  | "bad_form"
  | "ticket_live"
  | "nothing_missing"
  | "too_many_open"
  | "outside_hours"
  | "nobody_available"
  | "file_type"
  | "file_disguised"
  | "file_macros"
  | "file_unsafe"
  | "file_unreadable"
  | "file_empty"
  | "file_infected"
  | "file_unscanned"
  | "file_too_large"
  | "file_quota"
  | "too_many_files"
  | "file_unknown"
  | "files_unavailable"
  | "mail_off"
  | "not_answered"
  | "rate_limited"
  | "unauthorized"
  | "token_expired"
  | "identity_required"
  | "bad_identity"
  | "unsupported_version"
  | "unavailable"
  | "internal";

export type FieldCode =
  | "required"
  | "too_short"
  | "too_long"
  | "bad_email"
  | "support_address"
  | "not_own"
  | "too_many"
  | "bad_choice"
  | "bad_tax_id"
  | "bad_url"
  | "bad_number"
  | "bad_date"
  | "past_date"
  | "far_date"
  | "unknown";

export type Source = "chat" | "form" | "mail" | "api" | "agent";

export type State = "open" | "pending" | "closed";

export type Mode = "live" | "later";

export type CloseReason =
  | "solved"
  | "agent"
  | "customer"
  | "inactivity"
  | "abandoned"
  | "rejected"
  | "merged";

export type By = "customer" | "agent" | "system";

export type Kind =
  | "opened"
  | "message"
  | "proposal"
  | "declined"
  | "assigned"
  | "queued"
  | "later"
  | "pending"
  | "sent_back"
  | "completed"
  | "reminder"
  | "resumed"
  | "classified"
  | "copied"
  | "closed"
  | "rated";

export type FileKind =
  | "png"
  | "jpeg"
  | "gif"
  | "webp"
  | "pdf"
  | "docx"
  | "xlsx"
  | "pptx"
  | "doc"
  | "xls"
  | "ppt"
  | "text"
  | "csv"
  | "zip";

export type Status = "available" | "busy" | "away";

export type Turn = "customer" | "agent";

export type Waits = "waiting" | "requests";

/**
 * First frame, within 10 s. `token`: ours, from an earlier `welcome`; `identity`: the host's user token
 * (JWT).
 */
export interface CustomerHello {
  type: "hello";
  v: number;
  app: string;
  token?: string;
  identity?: string;
  name?: string;
  email?: string;
  locale?: string;
  zone?: string;
}

/** What the widget knows of the host page. All of it is hostile text. */
export interface Context {
  url?: string;
  title?: string;
  app_version?: string;
  browser?: string;
  locale?: string;
  zone?: string;
  /**
   * What the host passed: at most 20 entries, each key ≤ 100 and value ≤ 500 characters (longer ones are
   * cut).
   */
  host?: Record<string, string>;
}

/** Open a live ticket. A repeat of `cid` answers with the first ticket. */
export interface Start {
  type: "start";
  cid: string;
  subject: string;
  context?: Context;
  name?: string;
  email?: string;
  follows?: number;
}

/** A form as it was typed, but for subject, description and address. Empty: not answered. */
export interface Given {
  type?: string;
  priority?: number;
  why?: string;
  impact?: number;
  urgency?: number;
  category?: string;
  case_kind?: string;
  case?: string;
  tax_country?: string;
  tax_id?: string;
  company?: string;
  phone?: string;
  url?: string;
  wanted?: string;
  wanted_why?: string;
  cc?: string[];
  /** A checkbox: yes. A number: digits, with a point or a comma. A day: 2026-12-24. */
  fields?: Record<string, string>;
}

/**
 * Leave a ticket to be answered later. With `form` it is the app's whole form, and all that is wrong is told
 * at once (`bad_form`); without it the small one, which asks no more than this.
 */
export interface RequestFrame {
  type: "request";
  cid: string;
  subject: string;
  text: string;
  email: string;
  context?: Context;
  name?: string;
  follows?: number;
  form?: Given | null;
  /** Of the first message, as those of `say`. */
  files?: string[];
}

/**
 * What a ticket was sent back for (`missing`): all of it. Answered by `ack`, or by `error` `bad_form`; what
 * else stands in `form` is not looked at.
 */
export interface Complete {
  type: "complete";
  ticket: number;
  cid: string;
  form: Given;
}

/**
 * Leave the queue: the same ticket is answered later. `text` (may be empty) is added as a message under
 * `cid`.
 */
export interface Leave {
  type: "leave";
  ticket: number;
  cid: string;
  email: string;
  text?: string;
}

/**
 * A message. Answered by `ack` once it is durable, or by `error` with `cid`; a repeat answers with the first
 * `seq`.
 */
export interface Say {
  type: "say";
  ticket: number;
  cid: string;
  /** May be empty where there are `files`. */
  text: string;
  /** Ids of what was sent up for it (`POST /files`, `POST /console/files`). */
  files?: string[];
}

/**
 * Send at most every 3 s while typing, and once with `on` false when stopping. From the server: the other
 * side types.
 */
export interface TypingFrame {
  type: "typing";
  ticket: number;
  on?: boolean;
  name?: string;
}

/** Read up to `seq`. */
export interface Seen {
  type: "seen";
  ticket: number;
  seq: number;
}

/** "Sigo aquí". */
export interface Here {
  type: "here";
  ticket: number;
}

/** The answer to the resolution question. */
export interface Answer {
  type: "answer";
  ticket: number;
  solved: boolean;
}

/** The customer ends the chat. */
export interface End {
  type: "end";
  ticket: number;
}

export interface Rate {
  type: "rate";
  ticket: number;
  stars: number;
  comment?: string;
}

/**
 * Read a ticket from `after` on. Answered by `items` pages that fill the whole gap, or by a `snapshot`; never
 * by a part. `epoch` is the one that `welcome` gave when `after` was learned; -1 for `after` asks for a
 * snapshot.
 */
export interface Open {
  type: "open";
  ticket: number;
  after?: number;
  epoch?: string;
}

/** Items before `before`, a page of at most 100, newest page first. */
export interface History {
  type: "history";
  ticket: number;
  before: number;
}

/** Where the files of the message `seq` are to be had: a while, for whoever asks. */
export interface Links {
  type: "links";
  ticket: number;
  seq: number;
}

/**
 * More of the customer's tickets: those opened before the ticket `before` (0: from the newest). For agents:
 * closed ones of one customer, or with `open` those that are not closed.
 */
export interface Tickets {
  type: "tickets";
  before?: number;
  customer?: number;
  open?: boolean;
}

/** Application heartbeat; answered by `pong`. */
export interface Ping {
  type: "ping";
}

/** First frame, within 10 s. `token`: one use, 30 s, from `POST /console/socket-token`. */
export interface AgentHello {
  type: "hello";
  v: number;
  token: string;
}

export interface SetStatus {
  type: "status";
  status: Status;
}

/** "Tomar": take a waiting ticket, or one to be answered later. */
export interface Claim {
  type: "claim";
  ticket: number;
}

/**
 * The next page of a list of the desk: what comes after the ticket `after`, and in the queue after its
 * `queue_rank` too; from the beginning without them.
 */
export interface DeskMore {
  type: "desk";
  of: Waits;
  rank?: number;
  after?: number;
}

/**
 * An internal note, on any ticket of the agent's apps in any state: the customer hears nothing of it.
 * Answered by `ack` once it is durable, `seq` being its number among the ticket's notes, or by `error` with
 * `cid`; a repeat answers with the first.
 */
export interface WriteNote {
  type: "note";
  ticket: number;
  cid: string;
  text: string;
}

/**
 * A ticket's notes after the number `after`: a page of at most 100. `epoch` is the one that `welcome` gave
 * when `after` was learned: with another one they come from the first note on.
 */
export interface ReadNotes {
  type: "notes";
  ticket: number;
  after?: number;
  epoch?: string;
}

/**
 * The ticket that people know by this number, in one of your apps (its key). Answered by `found`, or with
 * `not_found`.
 */
export interface Find {
  type: "find";
  app: string;
  number: number;
}

/**
 * Tickets of your apps in whatever state: first the one of this number ("1042", "#1042"), then, newest first,
 * those in whose subject, customer's name and addresses all the words stand. Answered by `searched`.
 */
export interface Search {
  type: "search";
  words: string;
}

/** Which tickets have notes that a mail said and no agent has read; asked after `welcome`. */
export interface ReadUnreadNotes {
  type: "unread_notes";
}

/**
 * You have read what mails said about a ticket, up to the note `seq`. It counts where you attend it, or
 * nobody does.
 */
export interface SeenNotes {
  type: "seen_notes";
  ticket: number;
  seq: number;
}

/** "Proponer solución": a message that asks whether the problem is solved. */
export interface Propose {
  type: "propose";
  ticket: number;
  cid: string;
  text: string;
}

/** "Cerrar ticket". */
export interface Close {
  type: "close";
  ticket: number;
}

/**
 * "Pendiente": a ticket that is answered later waits for its customer; with `on` false it is Abierto again.
 * `text` (may be empty) is said with it under `cid`, which is needed then.
 */
export interface Pend {
  type: "pend";
  ticket: number;
  on?: boolean;
  cid?: string;
  text?: string;
}

/**
 * Pendiente until the customer has completed what is missing: names of fields. `text` and `cid` as for
 * `pend`.
 */
export interface SendBack {
  type: "send_back";
  ticket: number;
  missing: string[];
  cid?: string;
  text?: string;
}

/** Closed as rejected, with a reason that the customer sees. */
export interface Reject {
  type: "reject";
  ticket: number;
  reason: string;
}

/** These get the answers from now on, too. Who is in copy already stays there, once. */
export interface Copy {
  type: "copy";
  ticket: number;
  addresses: string[];
}

/** What an agent says of a ticket; None leaves things as they are. */
export interface Classification {
  type?: "incident" | "question" | "request" | "suggestion" | "" | null;
  priority?: number | null;
  category?: string | null;
  impact?: number | null;
  urgency?: number | null;
  development?: boolean | null;
}

/** What an agent says of a ticket of theirs, or of one that nobody attends. What `said` leaves out stays. */
export interface Classify {
  type: "classify";
  ticket: number;
  said: Classification;
}

/**
 * A customer as agents see them. `name` is never empty: a visitor without one is `Visitante` and four letters
 * (`alias`).
 */
export interface Person {
  id: number;
  name: string;
  alias: string;
  email: string;
  /** The host vouches for them. */
  verified: boolean;
  /** They signed up in the portal, by a link mailed to `email`. */
  account: boolean;
  locale: string;
  zone: string;
  /**
   * Of who only ever wrote mails that nobody stands by, whose `name` is an address: what these call them.
   * Anybody may have written them: to be shown beside the address, as a claim.
   */
  claimed: string;
}

/** What a customer is told. Instants are ms since 1970 UTC. */
export interface Attention {
  open: boolean;
  /** When open: closing time; None when the app never closes. */
  until: number | null;
  /** When closed: the next opening; None when none is known. */
  next: number | null;
  /** The holiday's name when that is why it is closed. */
  reason: string;
  /** At least one agent is available, free or at capacity. */
  attended: boolean;
  /** A chat can be started now; otherwise only a request to be answered later. */
  chat: boolean;
}

/** The facts about one open live ticket that decide when it closes. Part of the ticket on the wire. */
export interface Clock {
  /**
   * Whose answer is due: the agent's while queued or after the customer spoke, the customer's after the agent
   * spoke.
   */
  turn: Turn;
  queued: boolean;
  /** The customer's last activity: message, typing, answer to the resolution question, "Sigo aquí". */
  active_at: number;
  /** The agent's last message; 0 when there is none. */
  agent_spoke_at: number;
  /** When the customer's last connection ended; None while one is open. */
  gone_at: number | null;
  /**
   * Never close before this: the restart of the server plus the warning time, or the moment when a clock was
   * set and the whole time. 0 when there was neither.
   */
  floor_at: number;
  /** An address is known, so the ticket can be answered later. */
  email: boolean;
  seconds: number;
  warning_seconds: number;
  strict: boolean;
}

/**
 * The last message, for lists. `text`: of one without words the names of its files; of somebody in copy it
 * begins with who said it.
 */
export interface Last {
  text: string;
  by: By;
  at: number;
}

export interface Rating {
  stars: number;
  comment: string;
  /** When it was first given: the time for changing it runs from here. */
  at: number;
}

/** A ticket as its customer sees it. All fields are always there. */
export interface CustomerTicket {
  id: number;
  number: number;
  subject: string;
  state: State;
  mode: Mode;
  close_reason: CloseReason | null;
  opened_at: number;
  closed_at: number | null;
  follows: number;
  /** The name of who attends, or attended; empty while nobody does. */
  agent: string;
  waiting: boolean;
  queued_at: number | null;
  clock: Clock | null;
  proposal: number | null;
  last_seq: number;
  last: Last | null;
  /** How far the customer has read. */
  seen: number;
  agent_seen: number;
  unread: number;
  rating: Rating | null;
  rate_until: number | null;
  email: string;
  version: number;
  source: Source;
  /** Solicitud, Incidente, Consulta, Sugerencia. */
  type: "incident" | "question" | "request" | "suggestion" | "";
  category: string;
  /**
   * What the ticket is about, a key of the app's form; `case` is its number or name, masked where it is
   * sensitive.
   */
  case_kind: string;
  case: string;
  /** The day until which it is wanted (2026-12-24), or empty. */
  wanted: string;
  /** What it was sent back for: names of fields, to be given by `complete`. */
  missing: string[];
  /** When a pending ticket closes if its customer says nothing. */
  closes_at: number | null;
}

/** Authenticated. `token` is to be kept and sent in the next `hello`; `epoch` names this database's life. */
export interface Welcome {
  type: "welcome";
  v: number;
  now: number;
  epoch: string;
  token: string;
  /**
   * Names this customer from the first visit on, before and after there is a row: keep drafts under it.
   * Authorises nothing.
   */
  who: string;
  customer: Person;
  app: string;
  color: string;
  ask_name: "no" | "optional" | "required";
  ask_email: "no" | "optional" | "required";
  /** The largest file that is taken; 0: none. */
  file_bytes: number;
  files_per_message: number;
  /** Answers go by mail, too: `AppInfo.mails`. */
  mails: boolean;
  /** After so long in the queue the customer is offered to leave the ticket for later. */
  offer_seconds: number;
  /** Send `ping` this often (seconds, jitter included); no answer to two: the connection is dead. */
  heartbeat: number;
  attention: Attention;
  /** The newest 20. */
  tickets: CustomerTicket[];
  more: boolean;
}

/**
 * A file of a message. `id`: 128 random bits, 22 characters; until the file is in a message only who sent it
 * knows it.
 */
export interface File {
  id: string;
  /** Shown as text, and proposed for saving. Nothing is found by it. */
  name: string;
  kind: FileKind;
  bytes: number;
}

/** One entry of a ticket's public sequence. `cid` is there for the reader's own side's messages only. */
export interface ItemView {
  seq: number;
  at: number;
  kind: Kind;
  by: By;
  text?: string;
  cid?: string;
  name?: string;
  reason?: string;
  stars?: number;
  /**
   * For agents only: the agent's id who wrote it, or to whom it was `assigned`; of talk by the `system`, the
   * id of the customer who is in copy.
   */
  author?: number;
  /** Of a message. Where they are to be had is asked for with `links`. */
  files?: File[];
}

/**
 * What was answered to a ticket's form, whole: for who opens the ticket, never in a list. All fields are
 * always there.
 */
export interface FormView {
  /** The priority that the customer chose; 0 none. */
  asked: number;
  why: string;
  impact: number;
  urgency: number;
  case: string;
  tax_country: string;
  tax_id: string;
  /** "RUT", "NIT" …; empty for an id that could not be checked. */
  tax_kind: string;
  company: string;
  phone: string;
  url: string;
  wanted_why: string;
  cc: string[];
  /** Answers to the app's own fields, by their keys. */
  fields: Record<string, string>;
}

/**
 * A committed change. With `view` it is the ticket as a whole; else `patch` holds the fields that differ, and
 * applies to version `base` only. `version` at or below the one you hold: you have it already. A gap: send
 * `open`.
 */
export interface CustomerChanged {
  type: "changed";
  ticket: number;
  base: number;
  version: number;
  items?: ItemView[];
  view?: CustomerTicket | null;
  patch?: Partial<CustomerTicket>;
  /** The whole form, where this change changed it, and in the answer to `open`. */
  form?: FormView | null;
}

/**
 * Durable. `cid` as sent; for `start` and `request` the new ticket; `seq` of the message (0 where there is
 * none).
 */
export interface Ack {
  type: "ack";
  cid: string;
  ticket: number;
  seq?: number;
  number?: number;
}

/** A verb without `cid` was carried out, durably: `verb` is the frame's type. */
export interface Done {
  type: "done";
  verb: string;
  ticket?: number;
}

/**
 * A page. Of a replay (`back` false): the last page has `more` false. Of the history (`back` true): `more`
 * says whether earlier ones exist.
 */
export interface Items {
  type: "items";
  ticket: number;
  items: ItemView[];
  more: boolean;
  back?: boolean;
}

/**
 * Where a file is to be had for a while: paths on this server. `thumbnail`: "" where there is none, else a
 * picture of this size.
 */
export interface FileLink {
  id: string;
  url: string;
  thumbnail: string;
  width: number;
  height: number;
}

/** Good until `until`, to be asked for again then. Files that are gone are left out. */
export interface FileLinks {
  type: "links";
  ticket: number;
  seq: number;
  files: FileLink[];
  until: number;
}

/** Forget what you hold of this ticket: this is it. `more`: earlier items exist. */
export interface CustomerSnapshot {
  type: "snapshot";
  view: CustomerTicket;
  items: ItemView[];
  more: boolean;
  /** Servers of before had none. */
  form?: FormView | null;
}

export interface CustomerTickets {
  type: "tickets";
  tickets: CustomerTicket[];
  more: boolean;
}

/** Your place: 1 is next. `estimate` seconds, when we honestly know. */
export interface Queue {
  type: "queue";
  ticket: number;
  position: number;
  attended: boolean;
  estimate?: number | null;
}

export interface AttentionFrame {
  type: "attention";
  attention: Attention;
}

export interface Pong {
  type: "pong";
  now: number;
}

/**
 * Whether what is said can be stored just now, as far as this server knows: said when that changes, and after
 * a `welcome` while it cannot. Nothing is lost meanwhile: what is not acknowledged is sent again, as
 * `unavailable` or a new connection asks for.
 */
export interface Storing {
  type: "storing";
  on: boolean;
}

/** `limit`: characters, or things. */
export interface Wrong {
  code: FieldCode;
  limit?: number;
  /**
   * Of several things in one field the one that is wrong, as it was typed; its sentence is
   * `form.wrong.<code>.which`.
   */
  which?: string;
}

/**
 * A refusal. Nothing was stored; the connection goes on. `verb`, `cid` and `ticket` say which frame it
 * answers.
 */
export interface ErrorFrame {
  type: "error";
  code: Code;
  verb?: string;
  cid?: string;
  ticket?: number;
  limit?: number;
  retry_after?: number;
  next_at?: number;
  /** Of a form (`bad_form`): name of the field → what is wrong with it. */
  fields?: Record<string, Wrong>;
}

/** This server is about to stop. Come back in `retry_after` seconds, on a new connection. */
export interface GoAway {
  type: "goaway";
  retry_after: number;
}

export interface AppInfo {
  key: string;
  name: string;
  color: string;
  /**
   * How many wait in its queue, and how many requests nobody took: all of them, shown or not. `count` tells
   * when it changes.
   */
  waiting: number;
  requests: number;
  /** The largest file that is taken; 0: none. */
  file_bytes: number;
  files_per_message: number;
  /** Names the app's ticket form as it is now: another name, another form (`GET /console/form`). */
  form: string;
  /** Customers get mails about its tickets. */
  mails: boolean;
}

/** A ticket as agents see it. All fields are always there. */
export interface AgentTicket {
  id: number;
  /** The app's key. */
  app: string;
  number: number;
  subject: string;
  state: State;
  mode: Mode;
  close_reason: CloseReason | null;
  opened_at: number;
  closed_at: number | null;
  follows: number;
  customer: Person;
  agent_id: number | null;
  agent: string;
  waiting: boolean;
  queued_at: number | null;
  queue_rank: number | null;
  assigned_at: number | null;
  answer_due_at: number | null;
  answered_at: number | null;
  reminded: boolean;
  clock: Clock | null;
  proposal: number | null;
  last_seq: number;
  last: Last | null;
  /** How far the ticket's agent has read. */
  seen: number;
  customer_seen: number;
  unread: number;
  rating: Rating | null;
  email: string;
  priority: number;
  /** Why the last mail about it did not reach its customer. */
  mail_problem: "expired" | "refused" | "";
  version: number;
  source: Source;
  type: "incident" | "question" | "request" | "suggestion" | "";
  category: string;
  case_kind: string;
  /** As for customers. */
  case: string;
  wanted: string;
  /** It becomes a new requirement. */
  development: boolean;
  missing: string[];
  closes_at: number | null;
  /** The targets of a ticket that is answered later, for its first answer and its end; None: none, or met. */
  answer_by: number | null;
  solve_by: number | null;
}

export interface AgentWelcome {
  type: "welcome";
  v: number;
  now: number;
  epoch: string;
  id: number;
  name: string;
  email: string;
  status: Status;
  capacity: number;
  apps: AppInfo[];
  heartbeat: number;
  /**
   * This agent's own open ones (where they are too many for one frame, the others follow in `desk` frames),
   * the first page of the queue, and the first page of the open ones to be answered later that nobody took,
   * oldest first.
   */
  tickets: AgentTicket[];
  /** The lists of which there is more than this: ask with `desk`. */
  more: Waits[];
}

/** As for customers. */
export interface AgentChangedFrame {
  type: "changed";
  ticket: number;
  base: number;
  version: number;
  items?: ItemView[];
  view?: AgentTicket | null;
  patch?: Partial<AgentTicket>;
  form?: FormView | null;
}

/**
 * A page of a list. `rank` and `after` are those of the question. Of one's own tickets (`mine`) it comes
 * unasked.
 */
export interface DeskPage {
  type: "desk";
  of: "mine" | "requests" | "waiting";
  rank: number;
  after: number;
  tickets: AgentTicket[];
  more: boolean;
}

/** How many there are now in an app's queue, and of its requests that nobody took. */
export interface CountFrame {
  type: "count";
  app: string;
  waiting: number;
  requests: number;
}

/** One entry of a ticket's internal sequence. For agents only. */
export interface NoteView {
  seq: number;
  at: number;
  /** The agent's id who wrote it; 0 for a mail. */
  author: number;
  /** The agent's, or the address that the mail claims to be from. */
  name: string;
  text: string;
  cid: string;
  /** It came by mail: `/console/tickets/{ticket}/notes/{seq}` shows that one. */
  mail?: boolean;
  /** Of a mail: the sender's domain stands by it. */
  verified?: boolean;
}

/**
 * A ticket's next note. One that you hold already: nothing. One that does not follow what you hold: ask with
 * `notes`. What a mail says may concern who does not hold the ticket: `number`, `subject` and `agent_id` are
 * that one's.
 */
export interface Noted {
  type: "noted";
  ticket: number;
  note: NoteView;
  number?: number;
  subject?: string;
  agent_id?: number | null;
}

/** A ticket with notes that a mail said and no agent has read, up to the number `seq`. */
export interface UnreadNoteView {
  ticket: number;
  seq: number;
  number: number;
  subject: string;
  agent_id: number | null;
}

/**
 * All of them, at most 200 of each app, the latest ones: forget which you knew of. Later ones come as
 * `noted`.
 */
export interface UnreadNotes {
  type: "unread_notes";
  notes: UnreadNoteView[];
}

/** What mails said about a ticket was read by an agent whom it concerns, up to the note `seq`. */
export interface NotesSeen {
  type: "notes_seen";
  ticket: number;
  seq: number;
}

/**
 * A page of notes, which follows the number `after`: 0 where you asked after another number means "forget
 * what you hold". `more`: ask again, after the last one.
 */
export interface Notes {
  type: "notes";
  ticket: number;
  after: number;
  notes: NoteView[];
  more: boolean;
}

/** As for customers. */
export interface AgentSnapshot {
  type: "snapshot";
  view: AgentTicket;
  items: ItemView[];
  more: boolean;
  /** Servers of before had none. */
  form?: FormView | null;
  /** What the host page passed when the ticket began; it never changes. */
  context?: Record<string, unknown>;
}

/** A page of one customer's tickets, newest first: closed ones, or those that are not (`open`). */
export interface AgentTickets {
  type: "tickets";
  customer: number;
  tickets: AgentTicket[];
  more: boolean;
  open?: boolean;
}

/** `open` the ticket to read it. */
export interface Found {
  type: "found";
  app: string;
  number: number;
  ticket: number;
}

/** At most 20. `more`: further ones have all these words, and more words tell them apart. */
export interface Searched {
  type: "searched";
  words: string;
  tickets: AgentTicket[];
  more: boolean;
}

/** The agent's own status, set here or in another tab. */
export interface StatusFrame {
  type: "status";
  status: Status;
}

export type CustomerFrame =
  | CustomerHello
  | Start
  | RequestFrame
  | Complete
  | Leave
  | Say
  | TypingFrame
  | Seen
  | Here
  | Answer
  | End
  | Rate
  | Open
  | History
  | Links
  | Tickets
  | Ping;

export type AgentFrame =
  | AgentHello
  | SetStatus
  | Claim
  | DeskMore
  | Say
  | WriteNote
  | ReadNotes
  | Find
  | Search
  | ReadUnreadNotes
  | SeenNotes
  | TypingFrame
  | Seen
  | Propose
  | Close
  | Pend
  | SendBack
  | Reject
  | Copy
  | Classify
  | Open
  | History
  | Links
  | Tickets
  | Ping;

export type CustomerServerFrame =
  | Welcome
  | CustomerChanged
  | Ack
  | Done
  | Items
  | FileLinks
  | CustomerSnapshot
  | CustomerTickets
  | Queue
  | AttentionFrame
  | TypingFrame
  | Pong
  | Storing
  | ErrorFrame
  | GoAway;

export type AgentServerFrame =
  | AgentWelcome
  | AgentChangedFrame
  | DeskPage
  | CountFrame
  | Ack
  | Done
  | Items
  | Noted
  | UnreadNotes
  | NotesSeen
  | Notes
  | FileLinks
  | AgentSnapshot
  | AgentTickets
  | Found
  | Searched
  | StatusFrame
  | TypingFrame
  | Pong
  | Storing
  | ErrorFrame
  | GoAway;
