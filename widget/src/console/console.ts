/**
 * The console behind its views: one connection, the desk, what is selected, and the verbs an agent has. Views read the
 * signals and call the verbs; nothing here touches the DOM.
 */

import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { Connection, type Status as Link, type SocketLike, type Timers } from "../connection";
import { Links } from "../state/linking";
import { type Limits, Uploads } from "../state/uploads";
import { locale, t } from "../ui/i18n";
import {
  type AgentFrame,
  type AgentServerFrame,
  type AgentTicket,
  CLOSE,
  type Classification,
  type Found,
  type File as Sent,
  type Status,
  VERSION,
  type Waits,
} from "../wire";
import { type Answer, type Ask, ask } from "./api";
import {
  belongTo,
  filesOnTheWay,
  keepDraft,
  keepFiles,
  keepNote,
  keepWriting,
  outbox,
  readDraft,
  readFiles,
  readNote,
  readWriting,
  unsent,
  type Writing,
} from "./drafts";
import { type Form, Forms } from "./forms";
import type { Mail } from "./mail";
import { Searching } from "./searching";
import type { Session } from "./session";
import { LANGUAGES } from "./settings";
import {
  asking,
  type Desk,
  dropped,
  EMPTY,
  opening,
  readingNotes,
  receive,
  sending,
  turning,
} from "./state/desk";
import { held, type Lists, lists } from "./state/lists";
import { lastOf } from "./state/notes";

const TYPING_EVERY = 3000;
/** Rows of a shared list at first: one's own chats stay within sight below them, however many people wait. */
export const SHOWN = 25;
const SHOWN_MORE = 50;
/** So many rows more are held than are shown, so that a list that moves up has them at once. */
const AHEAD = 25;
const SHARED: readonly Waits[] = ["waiting", "requests"];

/** What is asked back before it happens: in place, or in a dialog. */
export type Doing = "closing" | "pending" | "sending_back" | "rejecting" | null;

export interface Parts {
  session: Pick<Session, "socketToken">;
  url: string;
  /** Called with the desk before and after every frame. */
  changed?(before: Desk, after: Desk): void;
  /** The session is over: signed out here or elsewhere. */
  ended(code: number): void;
  /** The browser's session is now another agent's: begin anew. */
  replaced(): void;
  newCid(): string;
  /** Saves what a link leads to. */
  save?(url: string): void;
  /** The world outside, for tests. */
  ask?: Ask;
  connect?: (url: string) => SocketLike;
  timers?: Timers;
}

export class Console {
  readonly desk: Signal<Desk> = signal(EMPTY);
  readonly selected: Signal<number | null> = signal(null);
  /** Where **Volver** leads: the ticket from which an earlier one was opened. */
  readonly cameFrom: Signal<number | null> = signal(null);
  /** What the agent has begun on the selected ticket and not finished. */
  readonly doing: Signal<Doing> = signal(null);
  /** What the composer of the selected ticket is for. */
  readonly writing: Signal<Writing> = signal("answer");
  /** The composer is drawn anew at each change: what was in it has been sent, or is another text by now. */
  readonly redraws: Signal<number> = signal(0);
  /** At what place on the screen somebody was put in copy last, which is told there what became of it; "" where it is no more. */
  readonly copying: Signal<string> = signal("");
  /** How many rows of a shared list are wanted on the screen. */
  readonly shown: Signal<Readonly<Record<Waits, number>>> = signal({ waiting: SHOWN, requests: SHOWN });
  readonly forms: Forms;
  /** What stands at the composers. `filesMoved` is another number after each change of it. */
  readonly uploads: Uploads;
  readonly filesMoved: Signal<number> = signal(0);
  /** Where files of messages are to be had. `linksMoved` is another number after each change of it. */
  readonly links: Links;
  readonly linksMoved: Signal<number> = signal(0);
  readonly searching: Searching;
  readonly link: ReadonlySignal<Link>;
  readonly lists: ReadonlySignal<Lists>;
  readonly ticket: ReadonlySignal<AgentTicket | null>;
  private readonly connection: Connection<AgentFrame, AgentServerFrame>;
  private readonly parts: Parts;
  private readonly fetching: Ask;
  private lookingUp: { app: string; number: number; from: number | null } | null = null;
  private saidTyping = { ticket: 0, at: 0 };
  private readonly stopWatching: () => void;
  private readonly seenUpTo = new Map<number, number>();
  private readonly notesSeenUpTo = new Map<number, number>();
  /** By ticket: what is said with a verb once that is done. */
  private readonly after = new Map<number, string>();
  /** By ticket: classifications that were not answered yet. The connection keeps the newest frame of a kind: it says all of them. */
  private readonly classifying = new Map<number, Classification>();

  constructor(parts: Parts) {
    this.parts = parts;
    this.connection = new Connection<AgentFrame, AgentServerFrame>({
      url: parts.url,
      hello: async () => ({ type: "hello", v: VERSION, token: await parts.session.socketToken() }),
      receive: (frame) => this.receive(frame),
      store: outbox,
      ...(parts.connect && { connect: parts.connect }),
      ...(parts.timers && { timers: parts.timers }),
    });
    this.uploads = new Uploads({
      request: (ticket) => ({ url: "/console/files", headers: { "Chat-Ticket": String(ticket) } }),
      limits: (ticket) => this.fileLimits(ticket),
      changed: () => {
        this.filesMoved.value++;
      },
      newCid: parts.newCid,
      store: { read: readFiles, write: keepFiles },
    });
    this.links = new Links({
      send: (frame) => this.connection.send(frame),
      save: (url) => parts.save?.(url),
      now: () => this.now(),
      changed: () => {
        this.linksMoved.value++;
      },
      after: (ms, run) => (parts.timers ? parts.timers.after(ms, run) : setTimeout(run, ms)),
    });
    this.searching = new Searching(
      (frame) => this.connection.send(frame),
      (ticket) => this.select(ticket),
    );
    this.fetching = parts.ask ?? ask;
    this.forms = new Forms(this.fetching);
    this.link = this.connection.status;
    this.lists = computed(() => lists(this.desk.value));
    this.ticket = computed(() => this.desk.value.tickets.get(this.selected.value ?? 0) ?? null);
    this.stopWatching = this.link.subscribe(({ phase, code }) => {
      if (phase === "stopped" && code >= CLOSE.BAD_AUTH) parts.ended(code);
    });
  }

  start(): void {
    this.connection.start();
  }

  /** Hangs up for good: signed out, or the page goes. */
  end(): void {
    this.stopWatching();
    this.uploads.end();
    this.connection.end();
  }

  wake(): void {
    this.connection.wake();
  }

  /** The server's clock in ms. */
  now(): number {
    return this.connection.now();
  }

  // — looking —

  select(ticket: number | null): void {
    if (ticket === this.selected.peek()) return;
    batch(() => {
      this.selected.value = ticket;
      this.cameFrom.value = null;
      this.doing.value = null;
      this.writing.value = ticket === null ? "answer" : readWriting(ticket);
      this.desk.value = { ...this.desk.peek(), refusal: null };
    });
    if (ticket !== null) this.load(ticket);
  }

  /** An earlier ticket of the same customer, with a way back. */
  lookBack(ticket: number): void {
    const from = this.cameFrom.peek() ?? this.selected.peek();
    this.select(ticket);
    this.cameFrom.value = from;
  }

  back(): void {
    this.select(this.cameFrom.peek());
  }

  /** Of a ticket that a colleague attends the server tells nothing: what is new is asked for. */
  refresh(ticket: number): void {
    this.load(ticket);
  }

  loadHistory(ticket: number): void {
    const before = this.desk.peek().threads.get(ticket)?.items[0]?.seq;
    if (before !== undefined) this.connection.send({ type: "history", ticket, before });
  }

  /** More rows of a list: those that are held at once, the others as they come. */
  showMore(of: Waits): void {
    const shown = this.shown.peek();
    this.shown.value = { ...shown, [of]: shown[of] + SHOWN_MORE };
    this.fill();
  }

  /** A customer's closed tickets, or those that are not closed. */
  loadTickets(of: "earlier" | "open", customer: number, more = false): void {
    const before = more ? (this.desk.peek()[of].get(customer)?.tickets.at(-1)?.id ?? 0) : 0;
    this.connection.send({ type: "tickets", customer, before, ...(of === "open" && { open: true }) });
  }

  /** Opens the ticket that is known by a number, with a way back to the one that is on the screen. */
  lookUp(app: string, number: number): void {
    this.forgetRefusal();
    this.lookingUp = { app, number, from: this.selected.peek() };
    this.connection.send({ type: "find", app, number });
  }

  /** What is on the screen of somebody who looks has been read. */
  saw(ticket: AgentTicket): void {
    this.sawNotes(ticket);
    const me = this.desk.peek().me?.id;
    const seq = this.desk.peek().threads.get(ticket.id)?.items.at(-1)?.seq ?? 0;
    const told = Math.max(ticket.seen, this.seenUpTo.get(ticket.id) ?? 0);
    if (ticket.agent_id !== me || ticket.state === "closed" || seq <= told) return;
    if (this.connection.send({ type: "seen", ticket: ticket.id, seq })) this.seenUpTo.set(ticket.id, seq);
  }

  /** The same of what mails said about it: read by who attends it, where nobody does by whoever looks. */
  private sawNotes({ id, agent_id }: AgentTicket): void {
    const { me, unread, notes } = this.desk.peek();
    const seq = unread?.get(id)?.seq ?? 0;
    if (seq <= (this.notesSeenUpTo.get(id) ?? 0) || lastOf(notes.get(id)) < seq) return;
    if (agent_id !== null && agent_id !== me?.id) return;
    if (this.connection.send({ type: "seen_notes", ticket: id, seq })) this.notesSeenUpTo.set(id, seq);
  }

  // — files —

  /** What a message to this ticket may take. */
  fileLimits(ticket: number): Limits {
    const { me, tickets } = this.desk.peek();
    const app = me?.apps.find(({ key }) => key === tickets.get(ticket)?.app);
    return { bytes: app?.file_bytes ?? 0, count: app?.files_per_message ?? 0 };
  }

  // — asked back —

  begin(doing: Doing): void {
    this.doing.value = doing;
  }

  /** What is asked now has not been answered yet. `verb`: only what refused this one. */
  forgetRefusal(verb?: string): void {
    const desk = this.desk.peek();
    if (verb === undefined || desk.refusal?.verb === verb) this.desk.value = { ...desk, refusal: null };
  }

  // — what is fetched beside the socket —

  /** What the app's ticket form asks, as far as it is known. */
  form(app: string): Form | null {
    return this.forms.known.value.get(app) ?? null;
  }

  wantForm(app: string): void {
    const mark = this.desk.peek().me?.apps.find(({ key }) => key === app)?.form;
    if (mark) void this.forms.want(app, mark);
  }

  /** The mail as which a message came, or a note. `place`: as `mailOf` and `mailOfNote` give it. */
  mail(place: string): Promise<Answer<Mail>> {
    return this.fetching<Mail>("GET", place);
  }

  // — verbs —

  /** Shown at once: a radio button that waits for the network looks broken. The server's word corrects it. */
  setStatus(status: Status): void {
    this.ask({ type: "status", status }, 0);
    const { me } = this.desk.peek();
    if (me) this.desk.value = { ...this.desk.peek(), me: { ...me, status } };
  }

  claim(ticket: number): void {
    this.select(ticket);
    this.ask({ type: "claim", ticket }, ticket);
  }

  close(ticket: number): void {
    this.ask({ type: "close", ticket }, ticket);
  }

  /** Pendiente, with a word for the customer (may be empty) that goes out once it is so. */
  pend(ticket: number, text: string): void {
    this.saidAfter(ticket, text);
    this.ask({ type: "pend", ticket }, ticket);
  }

  takeBack(ticket: number): void {
    this.ask({ type: "pend", ticket, on: false }, ticket);
  }

  /** `missing`: names of fields, one at least. */
  sendBack(ticket: number, missing: string[], text: string): void {
    this.saidAfter(ticket, text);
    this.ask({ type: "send_back", ticket, missing }, ticket);
  }

  reject(ticket: number, reason: string): void {
    this.ask({ type: "reject", ticket, reason }, ticket);
  }

  /** They get the answers from now on. `at`: the place where it was pressed. */
  copy(ticket: number, addresses: string[], at: string): void {
    this.copying.value = at;
    this.ask({ type: "copy", ticket, addresses }, ticket);
  }

  /** What `said` leaves out stays. */
  classify(ticket: number, said: Classification): void {
    const all = { ...this.classifying.get(ticket), ...said };
    this.classifying.set(ticket, all);
    this.ask({ type: "classify", ticket, said: all }, ticket);
  }

  /** With the files that stand at the ticket's composer. */
  say(ticket: number, text: string): void {
    this.post("say", ticket, text, this.uploads.take(ticket));
    this.typing(ticket, false);
    keepDraft(ticket, "");
  }

  /** Asks the customer whether it is solved: in the words that stand in the composer, else in the plain question. */
  propose(ticket: AgentTicket): void {
    const written = readDraft(ticket.id).trim();
    this.post("propose", ticket.id, written || t(`console.propose.question_${customerLanguage(ticket)}`));
    this.typing(ticket.id, false);
    keepDraft(ticket.id, "");
    this.redraws.value++;
  }

  /** Among agents: the customer hears nothing of it, not even that somebody writes. */
  note(ticket: number, text: string): void {
    this.post("note", ticket, text);
    this.keepNote(ticket, "");
  }

  /** What is written from now on is for whom this says; each has a draft of its own, so that none is ever sent as the other. */
  write(ticket: number, as: Writing): void {
    keepWriting(ticket, as);
    this.writing.value = as;
    if (as === "note") this.typing(ticket, false);
  }

  retry(cid: string): void {
    const message = this.desk.peek().pending.find((one) => one.cid === cid);
    if (!message) return;
    this.desk.value = sending(this.desk.peek(), message);
    this.connection.retry(cid);
  }

  discard(cid: string): void {
    this.desk.value = dropped(this.desk.peek(), cid);
    this.connection.discard(cid);
  }

  /** The composer changed. Says so to the customer at most every 3 s, and once when it stops. */
  typing(ticket: number, on: boolean): void {
    const { saidTyping: said } = this;
    const now = this.now();
    const fresh = said.ticket === ticket && said.at > 0 && now - said.at < TYPING_EVERY;
    if (on ? fresh : said.ticket !== ticket || said.at === 0) return;
    this.connection.send({ type: "typing", ticket, on });
    this.saidTyping = { ticket, at: on ? now : 0 };
  }

  draft(ticket: number): string {
    return readDraft(ticket);
  }

  keepDraft(ticket: number, text: string): void {
    keepDraft(ticket, text);
  }

  noteDraft(ticket: number): string {
    return readNote(ticket);
  }

  keepNote(ticket: number, text: string): void {
    keepNote(ticket, text);
    keepWriting(ticket, text ? "note" : "answer");
  }

  // — inner —

  private receive(frame: AgentServerFrame): void {
    const before = this.desk.peek();
    if (frame.type === "welcome") {
      this.seenUpTo.clear();
      this.notesSeenUpTo.clear();
      if (before.me === null) this.takeUp(frame.id);
      else if (before.me.id !== frame.id) {
        this.giveUp();
        return;
      }
    }
    const { desk, send } = receive(this.desk.peek(), frame, this.now(), this.selected.peek());
    batch(() => {
      this.desk.value = desk;
      const ticket = this.ticket.peek();
      // Closed, or somebody else's by now: there is nothing left to confirm.
      if (ticket?.state === "closed" || ticket?.agent_id !== desk.me?.id) this.doing.value = null;
    });
    for (const one of send) this.connection.send(one);
    if (frame.type === "welcome") {
      this.connection.send({ type: "unread_notes" });
      // Of all others they are read when they are looked at: ten tabs with thirty conversations each come back within their bound.
      const selected = this.selected.peek();
      if (selected !== null) this.connection.send(readingNotes(desk, selected));
    }
    if (frame.type === "found") this.foundTicket(frame);
    this.searching.hear(frame);
    this.settle(frame);
    this.fill();
    this.links.hear(frame);
    this.parts.changed?.(before, desk);
    if (frame.type === "error" && frame.code === "not_found" && frame.ticket === this.selected.peek()) {
      this.select(null); // deleted meanwhile, or an old address
    }
  }

  /** Who went on to another ticket meanwhile stays there. */
  private foundTicket({ app, number, ticket }: Found): void {
    const asked = this.lookingUp;
    if (asked?.app !== app || asked.number !== number || asked.from !== this.selected.peek()) return;
    this.lookingUp = null;
    this.lookBack(ticket);
  }

  /** A verb was carried out, or refused: what was to follow it follows, or stays in the composer. */
  private settle(frame: AgentServerFrame): void {
    if (frame.type !== "done" && frame.type !== "error") return;
    const { verb, ticket = 0 } = frame;
    if (verb === "classify") this.classifying.delete(ticket);
    if (verb !== "pend" && verb !== "send_back") return;
    const text = this.after.get(ticket);
    this.after.delete(ticket);
    if (frame.type === "error") return;
    if (this.selected.peek() === ticket) this.doing.value = null;
    if (text === undefined) return; // taken back
    if (text) this.post("say", ticket, text);
    keepDraft(ticket, "");
    this.redraws.value++;
  }

  /** The words stand in the composer until they are sent, whatever happens meanwhile. */
  private saidAfter(ticket: number, text: string): void {
    this.after.set(ticket, text.trim());
    keepDraft(ticket, text);
  }

  /** Asks for the next page of a list of which fewer are held than the screen may soon want. */
  private fill(): void {
    for (const of of SHARED) {
      const desk = this.desk.peek();
      const wanted = this.shown.peek()[of] + AHEAD;
      const asking = desk.ends[of] && held(desk, of) < wanted ? turning(desk, of) : null;
      if (asking && this.connection.send(asking.frame)) this.desk.value = asking.desk;
    }
  }

  /** What this tab had not sent before it was loaded again, if it was the same agent's. */
  private takeUp(agent: number): void {
    if (!belongTo(agent)) return;
    const entries = unsent();
    for (const { frame, cid, order } of entries) this.showAgain(frame, cid, order);
    this.connection.restore(entries);
  }

  /** Another tab signed in as somebody else: nothing of the one may go out as the other. */
  private giveUp(): void {
    this.end();
    this.parts.replaced();
  }

  private load(ticket: number): void {
    const desk = this.desk.peek();
    const known = desk.tickets.get(ticket);
    this.connection.send(
      known ? opening(desk, ticket) : { type: "open", ticket, after: -1, epoch: desk.epoch },
    );
    this.connection.send(readingNotes(desk, ticket));
  }

  private ask(frame: AgentFrame, ticket: number): void {
    this.desk.value = asking(this.desk.peek(), frame.type, ticket);
    this.connection.ask(frame);
  }

  private post(type: "say" | "propose" | "note", ticket: number, text: string, files: Sent[] = []): void {
    const cid = this.parts.newCid();
    this.desk.value = sending(this.desk.peek(), { ticket, cid, kind: type, text, files, at: this.now() });
    if (files.length === 0) {
      this.connection.post({ type, ticket, cid, text });
      return;
    }
    keepFiles(cid, JSON.stringify(files));
    this.connection.post({ type: "say", ticket, cid, text, files: files.map(({ id }) => id) });
  }

  private showAgain(frame: AgentFrame, cid: string, at: number): void {
    if (frame.type !== "say" && frame.type !== "propose" && frame.type !== "note") return;
    const { ticket, text, type: kind } = frame;
    this.desk.value = sending(this.desk.peek(), { ticket, cid, kind, text, files: filesOnTheWay(cid), at });
  }
}

/** The customer's language where it is one of ours, else the agent's own. */
function customerLanguage(ticket: AgentTicket): string {
  const theirs = ticket.customer.locale.slice(0, 2).toLowerCase();
  return LANGUAGES.find((code) => code === theirs) ?? locale.value;
}
