/**
 * The frame's one model, a module as there is one customer in one frame: what the views show, as signals, and a function for
 * everything that a person can do. Views `import * as model`.
 */

import { Connection, type Status } from "../connection";
import type { BootOptions, FrameEvent, ToFrame } from "../host-messages";
import {
  anyOpen,
  type CustomerState,
  EMPTY,
  isOpen,
  type LocalEvent,
  numbered,
  step,
  unreadTotal,
} from "../state/customer";
import { newCid } from "../ui/cid";
import { paint } from "../ui/color";
import { locale } from "../ui/i18n";
import { signal } from "../ui/signal";
import { keys, recall, remember } from "../ui/storage";
import type {
  Ack,
  CustomerFrame,
  CustomerServerFrame,
  ErrorFrame,
  File,
  Given,
  RequestFrame,
  Start,
} from "../wire";
import { chunk } from "./chunks";
import { alone, tell } from "./host";
import { page, speak, spoken } from "./page";
import * as session from "./session";
import { cut } from "./session";
import { unsent, written } from "./written";

export type Route =
  | { view: "home" | "tickets" }
  /** `follows`: the number of the closed ticket that it continues; `kept`: text that could not be sent there. */
  | { view: "new"; subject: string; follows: number; kept: string }
  | { view: "sent"; ticket: number; number: number; email: string }
  | { view: "ticket"; ticket: number };

type Posted = Extract<CustomerFrame, { cid: string }>;
type New = Pick<Start, "subject" | "name" | "email" | "follows">;
type Later = Pick<RequestFrame, "text" | "form" | "files">;
type Outcome = Ack | ErrorFrame;

export const state = signal<CustomerState>(EMPTY);
export const route = signal<Route>({ view: "home" });
export const open = signal(false);
/** The server's time (ms); moves every second while somebody looks. */
export const now = signal(Date.now());
/** A ticket is being opened. */
export const starting = signal(false);

/** The line was stopped, and nothing is left to be tried: a person has to do something. */
export const stuck = signal(false);

/** Who else hears every frame: chunks; null: the person is gone. */
export const ears: ((frame: CustomerServerFrame | null) => void)[] = [];

const answers = new Map<string, (outcome: Outcome) => void>();
let socket = connect();
/** Under what a tab keeps the ticket on its screen. Of somebody else's ticket its number says nothing. */
const SHOWN = `${session.PREFIX}shown`;
let hostPage = { url: "", title: "" };
let wish: Extract<ToFrame, { type: "go" }> | null = null;
/** Changes with the question for a user token and with the person, so that a late answer is recognised. */
let asked = 0;
let ticking: ReturnType<typeof setInterval> | undefined;
/** What the host was told last. */
let toldUnread = 0;
let toldKeep: boolean | null = null;

function connect() {
  return new Connection<CustomerFrame, CustomerServerFrame>({
    url: `${location.origin.replace("http", "ws")}/ws/customer`,
    hello: session.hello,
    receive,
    stopped,
    store: written,
  });
}

function wake(): void {
  if (document.visibilityState === "visible") socket.wake();
}

addEventListener("online", wake);
addEventListener("storage", () => restore());
document.addEventListener("visibilitychange", wake);

export const status = (): Status => socket.status.value;

// — the host's page ————————————————————————————————————————————————————————————

export function hear(message: ToFrame): void {
  switch (message.type) {
    case "boot":
      boot(message.options);
      break;
    case "panel":
      look(message.open);
      break;
    case "go":
      wish = message;
      grant();
      break;
    case "page":
      hostPage = { url: cut(message.url, 2000), title: cut(message.title, 300) };
      break;
    case "userToken":
      if (message.id !== asked) break;
      if (message.token) {
        session.identify(message.token);
        reconnect();
      } else stuck.value = true;
      break;
    case "shutdown":
      for (const key of keys(session.PREFIX)) remember(key, "");
      for (const hear of ears) hear(null);
      begin(null);
  }
}

/** Shown or hidden; the time moves while somebody looks. */
function look(shown: boolean): void {
  const tick = () => {
    now.value = socket.now();
  };
  clearInterval(ticking);
  if (shown) ticking = setInterval(tick, 1000);
  tick();
  open.value = shown;
}

function boot(options: BootOptions): void {
  speak(cut(options.locale, 2));
  paint(options.color || (page.color as string));
  const known = session.boot;
  const same = known && session.person(known) === session.person(options);
  if (same && status().phase !== "stopped") {
    Object.assign(known, options);
    // Before it is live, the welcome asks.
    if (socket.live && session.told !== spoken) greetAgain();
  } else begin(options);
}

/** Somebody else, or nobody: nothing of who was here before stays on the screen. */
function begin(options: BootOptions | null): void {
  socket.end();
  session.begin(options);
  asked++;
  written.owner = "";
  socket = connect();
  starting.value = false;
  route.value = { view: "home" };
  become(EMPTY);
  if (options) reconnect();
}

/** After a reload: the ticket that was on the screen, if it is still open. */
function reopen(): void {
  const ticket = +recall(SHOWN, "sessionStorage");
  if (route.value.view === "home" && isOpen(state.value.rooms.get(ticket))) go({ view: "ticket", ticket });
}

/** What the host asked to see, once there is something to show. */
function grant(): void {
  if (!wish || !state.value.welcome) return;
  const { view, number, subject } = wish;
  wish = null;
  const room = numbered(state.value, number);
  if (view === "new") goNew(cut(subject, 200));
  else if (room) go({ view: "ticket", ticket: room.view.id });
  else go({ view: view === "home" ? view : "tickets" });
}

// — frames —————————————————————————————————————————————————————————————————————

function receive(frame: CustomerServerFrame): void {
  const before = state.value;
  if (frame.type === "welcome" && !session.keep(frame.token)) {
    greetAgain();
    return;
  }
  dispatch(frame);
  for (const hear of ears) hear(frame);
  if (frame.type === "welcome") {
    const all = !written.owner;
    written.owner = `${session.PREFIX}${frame.who}:`;
    restore(all);
    reopen();
    grant();
  } else if (frame.type === "ack" || frame.type === "error") {
    answered(frame);
  } else if (frame.type === "changed") {
    report(before, frame.ticket);
  }
}

function dispatch(event: CustomerServerFrame | LocalEvent): void {
  const next = step(state.value, event, socket.now());
  become(next.state);
  next.send.forEach(send);
}

/** The host hears of changes only. */
function become(next: CustomerState): void {
  state.value = next;
  const count = unreadTotal(next);
  const keep = next.welcome && anyOpen(next);
  if (count !== toldUnread) tell({ type: "unread", count });
  if (keep !== null && keep !== toldKeep) tell({ type: "keep", keep });
  toldUnread = count;
  toldKeep = keep;
}

function answered(frame: Outcome): void {
  const { cid = "" } = frame;
  answers.get(cid)?.(frame);
  answers.delete(cid);
  if (frame.type === "ack") remember(filesKey(cid), "");
  else {
    // Most refusals are rare: their words are.
    chunk("after");
    event("error", { code: frame.code });
  }
}

/** What the host's listeners hear of a change. */
function report(before: CustomerState, ticket: number): void {
  const was = before.rooms.get(ticket)?.view;
  const is = state.value.rooms.get(ticket)?.view;
  if (!is || !was) return;
  const { number, agent, rating } = is;
  if (agent && agent !== was.agent) event("agentAssigned", { number, agent });
  if (is.unread > was.unread) event("messageReceived", { number });
  if (is.state === "closed" && was.state !== "closed") event("ticketClosed", { number });
  if (rating && rating.stars !== was.rating?.stars) event("rated", { number, stars: rating.stars });
}

const event = (name: FrameEvent, detail: Record<string, unknown>) => tell({ type: "event", name, detail });

/** What other pages wrote and did not get acknowledged: `true` for all, as a reload must show it; else of those that are gone. */
function restore(all = false): void {
  for (const { frame, error, order, cid } of socket.restore(unsent(restore, all))) {
    if (frame.type === "say") dispatch({ type: "written", frame, files: files(cid), at: order, code: error });
    else if (error) socket.discard(cid);
    else if ((frame.type === "start" || frame.type === "request") && !answers.has(cid))
      opening(frame, answer(cid));
  }
}

function stopped(code: number, reason: string): void {
  const verdict = session.refused(code, reason);
  if (verdict === "again") reconnect();
  else if (verdict === "ask" && !alone) tell({ type: "needUserToken", id: ++asked });
  else stuck.value = true;
}

// — what a person does —————————————————————————————————————————————————————————

export function go(to: Route): void {
  route.value = to;
  if (to.view === "ticket") dispatch({ type: "look", ticket: to.ticket });
  remember(SHOWN, to.view === "ticket" ? `${to.ticket}` : "", "sessionStorage");
}

export const goNew = (subject = "", follows = 0, kept = "") => go({ view: "new", subject, follows, kept });

export const back = () => go({ view: route.value.view === "tickets" ? "home" : "tickets" });

export const close = () => tell({ type: "close" });

export function reconnect(): void {
  stuck.value = false;
  socket.start();
}

/** With another hello than the one that stands. */
function greetAgain(): void {
  socket.end();
  reconnect();
}

export function earlier(ticket: number): void {
  if (socket.live) dispatch({ type: "earlier", ticket });
}

/** Open a ticket; with `later` one that is answered later. The answer may come much later, when there is a connection. */
export function start(about: New, later: Later | null): Promise<Outcome> {
  const { appVersion, context = {} } = session.boot as BootOptions;
  const host = Object.entries(context).slice(0, 20);
  const common = {
    cid: newCid(),
    ...about,
    context: {
      ...hostPage,
      app_version: cut(appVersion, 100),
      browser: cut(navigator.userAgent, 400),
      locale: locale.value,
      zone: session.zone(),
      host: Object.fromEntries(host.map(([key, value]) => [cut(key, 100), cut(value, 500)])),
    },
  };
  const frame: Start | RequestFrame =
    later === null
      ? { type: "start", ...common }
      : { type: "request", ...common, ...later, email: about.email ?? "" };
  return opening(frame, post(frame));
}

async function opening(frame: Start | RequestFrame, answer: Promise<Outcome>): Promise<Outcome> {
  starting.value = true;
  const outcome = await answer;
  starting.value = false;
  if (outcome.type === "error") return outcome;
  const { ticket, number = 0 } = outcome;
  event("ticketStarted", { number });
  saveDraft(0, "");
  if (frame.type === "request") {
    saveDraft("form", "");
    saveFiles(0, []);
  }
  const at = route.value;
  if (at.view === "new" && at.follows) chunk("after")?.moveKept(at, frame, ticket);
  if (frame.type === "request") go({ view: "sent", ticket, number, email: frame.email });
  else go({ view: "ticket", ticket });
  return outcome;
}

/** A message that waits to be said, or was refused, is given up. */
export function discard(cid: string): void {
  dispatch({ type: "discarded", cid });
  socket.discard(cid);
  saveFiles(cid, []);
}

/** What a ticket was sent back for. */
export const complete = (ticket: number, form: Given): Promise<Outcome> =>
  post({ type: "complete", ticket, cid: newCid(), form });

export const leaveQueue = (ticket: number, email: string): Promise<Outcome> =>
  post({ type: "leave", ticket, cid: newCid(), email });

/** `sent`: what was sent up for it. */
export async function say(ticket: number, text: string, sent: File[] = []): Promise<void> {
  const frame = { type: "say" as const, ticket, cid: newCid(), text, files: sent.map(({ id }) => id) };
  saveFiles(frame.cid, sent);
  dispatch({ type: "written", frame, files: sent, at: socket.now(), code: "" });
  const outcome = await post(frame);
  const number = state.value.rooms.get(ticket)?.view.number;
  if (outcome.type === "ack") event("messageSent", { number });
}

export function sayAgain(cid: string): void {
  dispatch({ type: "again", cid });
  socket.retry(cid);
}

/** Now or never: typing, seen, more tickets. False when it could not be told now. */
export const send = (frame: CustomerFrame): boolean => socket.send(frame);

/** A verb that is repeated until it is done: here, answer, end, rate. */
export const ask = (frame: CustomerFrame): void => socket.ask(frame);

const draftKey = (of: number | string) => `${written.owner}draft:${of}`;

/** What stands in a ticket's message box (0: the subject of a new ticket), or in a form of this name. */
export const draft = (of: number | string): string => recall(draftKey(of));

export const saveDraft = (of: number | string, text: string): void => remember(draftKey(of), text);

const filesKey = (of: number | string) => `${written.owner}files:${of}`;

/** What was sent up and no message has taken: at a ticket's message box, or of a message on its way, by its cid. */
export const files = (of: number | string): File[] => JSON.parse(recall(filesKey(of)) || "[]");

export const saveFiles = (of: number | string, sent: readonly File[]): void =>
  remember(filesKey(of), sent.length ? JSON.stringify(sent) : "");

async function post(frame: Posted): Promise<Outcome> {
  const answered = answer(frame.cid);
  socket.post(frame);
  const outcome = await answered;
  // Whoever asked shows the refusal; only messages wait for another try.
  if (outcome.type === "error" && frame.type !== "say") socket.discard(frame.cid);
  return outcome;
}

const answer = (cid: string) => new Promise<Outcome>((resolve) => answers.set(cid, resolve));
