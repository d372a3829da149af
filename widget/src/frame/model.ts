/** The frame's one model: state and route as signals, and a method for everything that a person can do. */

import { Connection, type Status } from "../connection";
import type { BootOptions, FrameEvent, FromFrame, ToFrame } from "../host-messages";
import { anyOpen, type CustomerState, EMPTY, type LocalEvent, step, unreadTotal } from "../state/customer";
import { newCid } from "../ui/cid";
import { paint } from "../ui/color";
import { locale } from "../ui/i18n";
import { signal } from "../ui/signal";
import { keys, recall, remember, WrittenStore } from "../ui/storage";
import type { Ack, CustomerFrame, CustomerServerFrame, ErrorFrame, RequestFrame, Start } from "../wire";
import { cut, person, Session, zone } from "./session";

export type Route =
  | { view: "home" | "tickets" }
  /** `follows`: the number of the closed ticket that it continues; `kept`: text that could not be sent there. */
  | { view: "new"; subject: string; follows: number; kept: string }
  | { view: "sent"; ticket: number; number: number; email: string }
  | { view: "ticket"; ticket: number };

type Posted = Extract<CustomerFrame, { cid: string }>;
type Socket = Connection<CustomerFrame, CustomerServerFrame>;
type New = Pick<Start, "subject" | "name" | "email" | "follows">;

const DOWN: Status = { phase: "connecting", downSince: null, code: 0, reason: "" };

export class Model {
  readonly state = signal<CustomerState>(EMPTY);
  readonly route = signal<Route>({ view: "home" });
  readonly open = signal(false);
  /** The server's time (ms); moves every second while somebody looks. */
  readonly now = signal(Date.now());
  /** A ticket is being opened. */
  readonly starting = signal(false);
  private readonly socket = signal<Socket | null>(null);
  private readonly written = new WrittenStore<CustomerFrame>();
  private readonly answers = new Map<string, (outcome: Ack | ErrorFrame) => void>();
  private readonly prefix: string;
  private session: Session | null = null;
  private owner = "";
  private page = { url: "", title: "" };
  private wish: Extract<ToFrame, { type: "go" }> | null = null;
  private asked = 0;
  private ticking: ReturnType<typeof setInterval> | undefined;
  /** What the host was told last. */
  private unread = 0;
  private keeps: boolean | null = null;

  constructor(
    private readonly app: string,
    private readonly socketUrl: string,
    private readonly tell: (message: FromFrame) => void,
    private readonly speak: (language: string) => void,
  ) {
    this.prefix = `supportchat:${app}:`;
    const wake = () => document.visibilityState === "visible" && this.socket.peek()?.wake();
    addEventListener("online", wake);
    document.addEventListener("visibilitychange", wake);
  }

  get status(): Status {
    return this.socket.value?.status.value ?? DOWN;
  }

  private time(): number {
    return this.socket.peek()?.now() ?? Date.now();
  }

  // — the host's page ——————————————————————————————————————————————————————————

  hear(message: ToFrame): void {
    switch (message.type) {
      case "boot":
        this.boot(message.options);
        break;
      case "panel":
        this.look(message.open);
        break;
      case "go":
        this.wish = message;
        this.grant();
        break;
      case "page":
        this.page = { url: cut(message.url, 2000), title: cut(message.title, 300) };
        break;
      case "userToken":
        if (message.id === this.asked && message.token && this.session) {
          this.session.identity = message.token;
          this.reconnect();
        }
        break;
      case "shutdown":
        for (const key of keys(this.prefix)) remember(key, "");
        this.begin(null);
    }
  }

  /** Shown or hidden; the time moves while somebody looks. */
  private look(open: boolean): void {
    const tick = () => {
      this.now.value = this.time();
    };
    clearInterval(this.ticking);
    if (open) this.ticking = setInterval(tick, 1000);
    tick();
    this.open.value = open;
  }

  private boot(options: BootOptions): void {
    this.speak(cut(options.locale, 2));
    const same = this.session && person(this.session.boot) === person(options);
    if (same && this.socket.peek()?.status.peek().phase !== "stopped") {
      Object.assign((this.session as Session).boot, options);
    } else {
      this.begin(new Session(this.app, this.prefix, options));
    }
    this.repaint();
  }

  /** Somebody else, or nobody: nothing of who was here before stays on the screen. */
  private begin(session: Session | null): void {
    this.socket.peek()?.end();
    this.session = session;
    this.become(EMPTY);
    this.route.value = { view: "home" };
    this.starting.value = false;
    this.owner = "";
    this.socket.value =
      session &&
      new Connection<CustomerFrame, CustomerServerFrame>({
        url: this.socketUrl,
        hello: () => session.hello(),
        receive: (frame) => this.receive(frame),
        stopped: (code, reason) => this.stopped(code, reason),
        store: this.written,
      });
    this.reconnect();
  }

  /** What the host asked to see, once there is something to show. */
  private grant(): void {
    const { wish } = this;
    const { welcome, rooms } = this.state.peek();
    if (!wish || !welcome) return;
    this.wish = null;
    const room = [...rooms.values()].find((one) => one.view.number === wish.number);
    if (wish.view === "new") this.goNew(cut(wish.subject, 200));
    else if (room) this.go({ view: "ticket", ticket: room.view.id });
    else this.go({ view: wish.view === "home" ? "home" : "tickets" });
  }

  // — frames ———————————————————————————————————————————————————————————————————

  private receive(frame: CustomerServerFrame): void {
    const before = this.state.peek();
    this.dispatch(frame);
    if (frame.type === "welcome") {
      this.session?.keep(frame.token);
      this.repaint();
      this.restore(`${this.prefix}${frame.who}:`);
      this.grant();
    } else if (frame.type === "ack" || frame.type === "error") {
      this.answered(frame);
    } else if (frame.type === "changed") {
      this.report(before, frame.ticket);
    }
  }

  private dispatch(event: CustomerServerFrame | LocalEvent): void {
    const next = step(this.state.peek(), event, this.time());
    this.become(next.state);
    for (const frame of next.send) this.socket.peek()?.send(frame);
  }

  /** The host hears of changes only. */
  private become(state: CustomerState): void {
    this.state.value = state;
    const count = unreadTotal(state);
    const keep = anyOpen(state);
    if (count !== this.unread) this.tell({ type: "unread", count });
    if (state.welcome && keep !== this.keeps) this.tell({ type: "keep", keep });
    this.unread = count;
    this.keeps = state.welcome && keep;
  }

  private answered(frame: Ack | ErrorFrame): void {
    const { cid = "", ticket } = frame;
    this.answers.get(cid)?.(frame);
    this.answers.delete(cid);
    if (frame.type === "ack") return;
    this.event("error", { code: frame.code });
    // What was refused for haste is asked for once more.
    if (frame.verb === "open" && ticket && frame.retry_after) {
      setTimeout(() => this.dispatch({ type: "look", ticket }), frame.retry_after * 1000);
    }
  }

  /** What the host's listeners hear of a change. */
  private report(before: CustomerState, ticket: number): void {
    const was = before.rooms.get(ticket)?.view;
    const is = this.state.peek().rooms.get(ticket)?.view;
    if (!is || !was) return;
    const { number, agent, rating } = is;
    if (agent && agent !== was.agent) this.event("agentAssigned", { number, agent });
    if (is.unread > was.unread) this.event("messageReceived", { number });
    if (is.state === "closed" && was.state !== "closed") this.event("ticketClosed", { number });
    if (rating && rating.stars !== was.rating?.stars) this.event("rated", { number, stars: rating.stars });
  }

  private event(name: FrameEvent, detail: Record<string, unknown>): void {
    this.tell({ type: "event", name, detail });
  }

  /** What an earlier page wrote and did not get acknowledged. */
  private restore(owner: string): void {
    if (owner === this.owner) return;
    this.owner = owner;
    this.written.prefix = `${owner}written:`;
    const entries = this.written.load();
    for (const { frame, error, order, cid } of entries) {
      if (frame.type === "say") this.dispatch({ type: "written", frame, at: order, code: error });
      else if (error) this.written.remove(cid);
      else if (frame.type === "start" || frame.type === "request") void this.opening(frame, this.answer(cid));
    }
    this.socket.peek()?.restore(entries.filter((entry) => entry.frame.type === "say" || !entry.error));
  }

  private stopped(code: number, reason: string): void {
    const verdict = this.session?.refused(code, reason);
    if (verdict === "again") this.reconnect();
    if (verdict === "ask") this.tell({ type: "needUserToken", id: ++this.asked });
  }

  // — what a person does ———————————————————————————————————————————————————————

  go(route: Route): void {
    this.route.value = route;
    if (route.view === "ticket") this.dispatch({ type: "look", ticket: route.ticket });
  }

  goNew(subject = "", follows = 0, kept = ""): void {
    this.go({ view: "new", subject, follows, kept });
  }

  back(): void {
    this.go({ view: this.route.peek().view === "tickets" ? "home" : "tickets" });
  }

  close(): void {
    this.tell({ type: "close" });
  }

  earlier(ticket: number): void {
    if (this.socket.peek()?.live) this.dispatch({ type: "earlier", ticket });
  }

  reconnect(): void {
    this.socket.peek()?.start();
  }

  /** Open a ticket; with `text` one that is answered later. The answer may come much later, when there is a connection. */
  start(about: New, text: string | null): Promise<Ack | ErrorFrame> {
    const { appVersion, context = {} } = this.session?.boot ?? {};
    const host = Object.entries(context).slice(0, 20);
    const common = {
      cid: newCid(),
      ...about,
      context: {
        ...this.page,
        app_version: cut(appVersion, 100),
        browser: cut(navigator.userAgent, 400),
        locale: locale.peek(),
        zone: zone(),
        host: Object.fromEntries(host.map(([key, value]) => [cut(key, 100), cut(value, 500)])),
      },
    };
    const frame: Start | RequestFrame =
      text === null
        ? { type: "start", ...common }
        : { type: "request", ...common, text, email: about.email ?? "" };
    return this.opening(frame, this.post(frame));
  }

  private async opening(
    frame: Start | RequestFrame,
    answer: Promise<Ack | ErrorFrame>,
  ): Promise<Ack | ErrorFrame> {
    this.starting.value = true;
    const outcome = await answer;
    this.starting.value = false;
    if (outcome.type === "error") return outcome;
    const { ticket, number = 0 } = outcome;
    this.event("ticketStarted", { number });
    this.saveDraft(0, "");
    const route = this.route.peek();
    if (route.view === "new" && route.kept) this.moveKept(route.follows, route.kept, ticket);
    if (frame.type === "request") this.go({ view: "sent", ticket, number, email: frame.email });
    else this.go({ view: "ticket", ticket });
    return outcome;
  }

  /** What could not be said in the closed ticket waits in the new one's message box. */
  private moveKept(follows: number, kept: string, ticket: number): void {
    const { rooms, pending } = this.state.peek();
    const old = [...rooms.values()].find((room) => room.view.number === follows)?.view.id ?? 0;
    this.saveDraft(ticket, kept);
    this.saveDraft(old, "");
    for (const { cid } of pending.filter((one) => one.ticket === old)) {
      this.dispatch({ type: "discarded", cid });
      this.socket.peek()?.discard(cid);
    }
  }

  /** What the person wrote for this ticket and could not say any more: refused messages, then the message box. */
  kept(ticket: number): string {
    const refused = this.state.value.pending.filter((one) => one.ticket === ticket && one.sign === "failed");
    return [...refused.map((one) => one.text), this.draft(ticket)].filter(Boolean).join("\n");
  }

  leaveQueue(ticket: number, email: string): Promise<Ack | ErrorFrame> {
    return this.post({ type: "leave", ticket, cid: newCid(), email });
  }

  say(ticket: number, text: string): void {
    const frame = { type: "say" as const, ticket, cid: newCid(), text };
    this.dispatch({ type: "written", frame, at: this.time(), code: "" });
    void this.post(frame).then((outcome) => {
      const number = this.state.peek().rooms.get(ticket)?.view.number;
      if (outcome.type === "ack") this.event("messageSent", { number });
    });
  }

  sayAgain(cid: string): void {
    this.dispatch({ type: "again", cid });
    this.socket.peek()?.retry(cid);
  }

  /** Now or never: typing, seen, more tickets. False when it could not be told now. */
  send(frame: CustomerFrame): boolean {
    return this.socket.peek()?.send(frame) ?? false;
  }

  /** A verb that is repeated until it is done: here, answer, end, rate. */
  ask(frame: CustomerFrame): void {
    this.socket.peek()?.ask(frame);
  }

  /** What stands in a ticket's message box; 0: the subject of a new ticket. */
  draft(ticket: number): string {
    return recall(`${this.owner}draft:${ticket}`);
  }

  saveDraft(ticket: number, text: string): void {
    remember(`${this.owner}draft:${ticket}`, text);
  }

  private post(frame: Posted): Promise<Ack | ErrorFrame> {
    const answer = this.answer(frame.cid).then((outcome) => {
      // Whoever asked shows the refusal; only messages wait for another try.
      if (outcome.type === "error" && frame.type !== "say") this.socket.peek()?.discard(frame.cid);
      return outcome;
    });
    this.socket.peek()?.post(frame);
    return answer;
  }

  private answer(cid: string): Promise<Ack | ErrorFrame> {
    return new Promise((resolve) => this.answers.set(cid, resolve));
  }

  private repaint(): void {
    paint(this.session?.boot.color || this.state.peek().welcome?.color || "");
  }
}
