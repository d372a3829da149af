/**
 * One line kept alive, for customers and agents alike: connecting → hello → live → waiting → connecting …
 *
 * The line is a WebSocket, or what line.ts makes of plain HTTP where no WebSocket gets through; nobody is told which.
 *
 * It never gives up, except after a close code that says stop (≥ 4500). Three ways to send:
 * - `post`: what somebody wrote (frames with a `cid`): kept in order, over reloads, until the server acknowledged or refused it;
 * - `ask`: a verb without `cid`: kept in memory until it is done or refused, and repeated after a reconnect;
 * - `send`: now or never (typing, seen, reading).
 * Whatever the server wants later is sent again when it said, unless another of its kind took its place; nobody is told.
 * Times are ms; `now()` is the server's clock.
 */

import { type ReadonlySignal, signal } from "@preact/signals-core";
import type { SocketLike, Timers } from "./line";
import { recall, remember } from "./ui/storage";

export type { SocketLike, Timers };

export type Phase = "connecting" | "hello" | "live" | "waiting" | "stopped";

export interface Status {
  phase: Phase;
  /**
   * Local time (ms) since when nothing gets through, or, while live, since when the server can store nothing; null before the first
   * try. Screens stay calm for the first seconds.
   */
  downSince: number | null;
  /** With `stopped`: the close code, and the code of the `error` frame that came before it ("" when none did). */
  code: number;
  reason: string;
}

/** What goes out, as far as this file must know it. */
export interface OutFrame {
  type: string;
  cid?: string;
  ticket?: number;
}

/** A frame that waits for its acknowledgement. `error` is the code of a refusal that only the person can resolve. */
export interface Entry<Out> {
  cid: string;
  frame: Out;
  order: number;
  error: string;
}

/** Where entries survive a reload. Failures are the store's own business: a message goes out even if it cannot be kept. */
export interface EntryStore<Out> {
  put(entry: Entry<Out>): void;
  remove(cid: string): void;
}

export interface ConnectionOptions<Out, In> {
  url: string;
  /** The first frame of each connection. A rejection is a failed attempt; reject with `Stop` to give up. */
  hello(): Out | Promise<Out>;
  /** Every frame from the server, but refusals that are tried again without asking anybody. */
  receive(frame: In): void;
  /** The server said stop, with this close code, and what `Status.reason` says. `start` may be called at once. */
  stopped?(code: number, reason: string): void;
  store?: EntryStore<Out>;
  timers?: Timers;
  /** Uniform in [0, 1). */
  random?: () => number;
  /** Instead of a WebSocket. */
  connect?: (url: string) => SocketLike;
}

/** Thrown by `hello`: stop with this close code. */
export class Stop extends Error {
  constructor(readonly code: number) {
    super(`stop ${code}`);
  }
}

/** Under what a tab keeps the way that worked where no WebSocket did, in words of line.ts. */
const WAY = "line";
const SILENT = 4003;
const FIRST_STOP_CODE = 4500;
const TRY_LATER = 4004;
const FLOOD = 4008;
const BACKOFF_BASE = 500;
const BACKOFF_CAP = 30_000;
/** For a WebSocket to open. */
const OPENING = 5_000;
/** For the first frame, which may have to be fetched; and for the greeting. */
const HANDSHAKE = 15_000;
/** Timers so late have slept. (Those of a hidden page are late by a minute.) */
const ASLEEP = 120_000;
/** After waking up, a live connection has this long to prove it. */
const PROBE = 5_000;
/** A connection that lived shorter than this does not reset the backoff. */
const STABLE = 5_000;
const ACK_TIMEOUT = 30_000;
const INTERNAL_TRIES = 5;

/** The fields this file reads, of all frames that have them. */
interface Incoming {
  type: string;
  now: number;
  heartbeat: number;
  retry_after?: number;
  on?: boolean;
  code?: string;
  cid?: string;
  verb?: string;
  ticket?: number;
}

const realTimers: Timers = {
  now: () => Date.now(),
  after(ms, run) {
    const id = setTimeout(run, ms);
    return () => clearTimeout(id);
  },
};

export const nothing = () => {};

export class Connection<Out extends OutFrame, In extends { type: string }> {
  readonly status: ReadonlySignal<Status>;
  readonly #options: ConnectionOptions<Out, In>;
  readonly #written;
  readonly #timers: Timers;
  #socket: SocketLike | null = null;
  /** How line.ts shall dial; "" for a WebSocket. */
  #way = recall(WAY, "sessionStorage");
  /** How many WebSockets ended before they opened, one after another. */
  #blocked = 0;
  /** Grows with every attempt, so that what an abandoned one still reports is ignored. */
  #attempt = 0;
  #failures = 0;
  #liveSince = 0;
  #retryAfter: number | null = null;
  #lastError = "";
  #offset = 0;
  #heartbeat = 25_000;
  #unanswered = 0;
  /** When the next ping is due. */
  #pingAt = 0;
  #cancelTimer = nothing;
  #cancelProbe = nothing;
  readonly #verbs = new Map<string, Out>();
  /** The last of each kind per ticket, verbs or not: what was said too fast is said again. */
  readonly #sent = new Map<string, Out>();
  /** Refused ones that wait for their moment. */
  #late = 0;
  readonly #outbox: Outbox<Out>;

  constructor(options: ConnectionOptions<Out, In>) {
    this.#options = options;
    this.#timers = options.timers ?? realTimers;
    this.#written = signal<Status>({ phase: "waiting", downSince: null, code: 0, reason: "" });
    this.status = this.#written;
    this.#outbox = new Outbox(
      this.#timers,
      (frame) => this.send(frame),
      () => this.#closed(SILENT),
      options.store,
    );
  }

  /** The server's clock, as well as we know it (ms since 1970 UTC). */
  now(): number {
    return this.#timers.now() + this.#offset;
  }

  get live(): boolean {
    return this.#written.peek().phase === "live";
  }

  /** Begin, or begin again after a stop. Harmless while already at it. */
  start(): void {
    const { phase } = this.#written.peek();
    if (phase === "waiting" || phase === "stopped") this.#dial();
  }

  /** End for good: nothing is sent or received any more until `start`. */
  end(): void {
    this.#hangUp(1000);
    this.#enter("stopped");
  }

  /** The network came back or the page is looked at again: do not wait for timers that may have slept. */
  wake(): void {
    const status = this.#written.peek();
    if (status.phase === "waiting" && this.#retryAfter === null) {
      // While nobody looked nobody missed anything.
      status.downSince = null;
      this.#dial();
    }
    if (!this.live || this.#slept()) return;
    this.#cancelProbe();
    this.#cancelProbe = this.#timers.after(PROBE, () => this.#closed(1000));
    this.#ping();
  }

  /** Now or never: false when nothing gets through at present. */
  send(frame: Out): boolean {
    if (!this.live) return false;
    this.#sent.set(verbKey(frame.type, frame.ticket), frame);
    this.#transmit(frame);
    return true;
  }

  /** A verb without `cid`: repeated until the server did or refused it. The newest of a kind per ticket stands. */
  ask(frame: Out): void {
    this.#verbs.set(verbKey(frame.type, frame.ticket), frame);
    this.send(frame);
  }

  /** What somebody wrote: sent in order, until acknowledged or refused. */
  post(frame: Out & { cid: string }): void {
    this.#outbox.add(frame);
  }

  /** Entries of other pages: each goes where it belongs by the time when it was written. Gives all that wait. */
  restore(entries: Entry<Out>[]): Entry<Out>[] {
    return this.#outbox.restore(entries);
  }

  /** Send a refused entry again. */
  retry(cid: string): void {
    this.#outbox.retry(cid);
  }

  /** Forget an entry. */
  discard(cid: string): void {
    this.#outbox.remove(cid);
  }

  async #dial(): Promise<void> {
    this.#hangUp(1000);
    this.#retryAfter = null;
    this.#lastError = "";
    this.#enter("connecting");
    this.#within(HANDSHAKE);
    const attempt = this.#attempt;
    const { url, connect = (url) => new WebSocket(url) as unknown as SocketLike } = this.#options;
    const choose = (way: string) => {
      this.#way = way;
      remember(WAY, way, "sessionStorage");
    };
    try {
      // Before dialling: it may have to be fetched, and the server waits only so long for it.
      const hello = await this.#options.hello();
      // It may be gone with an older build: then it is a WebSocket again.
      const lines = this.#way && (await import("./line").catch(nothing));
      if (attempt !== this.#attempt) return;
      const line = lines ? lines.dial(this.#way, url, this.#timers, choose) : null;
      this.#open(line ?? connect(url), hello);
    } catch (error) {
      if (attempt === this.#attempt) this.#closed((error as Partial<Stop>).code ?? 0);
    }
  }

  #open(socket: SocketLike, hello: Out): void {
    this.#socket = socket;
    this.#within(OPENING);
    socket.onopen = () => {
      this.#blocked = 0;
      this.#enter("hello");
      this.#within(HANDSHAKE);
      this.#transmit(hello);
    };
    socket.onmessage = ({ data }) => this.#incoming(JSON.parse(data as string));
    socket.onclose = ({ code }) => this.#closed(code);
  }

  #within(ms: number): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#timers.after(ms, () => this.#closed(SILENT));
  }

  #incoming(frame: Incoming): void {
    this.#unanswered = 0;
    this.#cancelProbe();
    switch (frame.type) {
      case "welcome":
        this.#welcomed(frame);
        this.#options.receive(frame as unknown as In);
        this.#verbs.forEach((verb) => {
          this.send(verb);
        });
        this.#outbox.flow();
        return;
      case "pong":
        this.#offset = frame.now - this.#timers.now();
        return;
      case "storing":
        this.#enter("live", 0, frame.on);
        return;
      case "goaway":
        this.#retryAfter = (frame.retry_after as number) * 1000;
        return;
      case "done":
        this.#verbs.delete(verbKey(frame.verb, frame.ticket));
        this.#sent.delete(verbKey(frame.verb, frame.ticket));
        break;
      case "ack":
        this.#outbox.remove(frame.cid);
        break;
      case "error":
        this.#lastError = frame.code as string;
        if (!this.live && frame.retry_after) this.#retryAfter = frame.retry_after * 1000; // too many at once: everybody another moment
        if (frame.cid ? this.#outbox.refused(frame) : this.#refusedVerb(frame)) return;
    }
    this.#options.receive(frame as unknown as In);
  }

  /** True: it will be tried again, nobody needs to know. */
  #refusedVerb(frame: Incoming): boolean {
    const key = verbKey(frame.verb, frame.ticket);
    const verb = this.#sent.get(key);
    if (!verb || !frame.retry_after) {
      this.#verbs.delete(key);
      return false;
    }
    // One after the other: all at once they would be too many again.
    this.#timers.after(frame.retry_after * 1000 * ++this.#late, () => {
      this.#late--;
      if (this.#sent.get(key) === verb) this.send(verb);
    });
    return true;
  }

  #welcomed(frame: Incoming): void {
    this.#cancelTimer();
    this.#offset = frame.now - this.#timers.now();
    this.#heartbeat = frame.heartbeat * 1000;
    this.#liveSince = this.#timers.now();
    this.#enter("live");
    this.#beat();
  }

  #beat(): void {
    this.#pingAt = this.#timers.now() + this.#heartbeat;
    this.#cancelTimer = this.#timers.after(this.#heartbeat, () => {
      if (this.#slept()) return;
      if (this.#unanswered > 1) {
        this.#closed(SILENT);
        return;
      }
      this.#ping();
      this.#beat();
    });
  }

  /** A computer that slept: the server has long given us up, no answer is waited for. True: it is dialled anew. */
  #slept(): boolean {
    const slept = this.#timers.now() > this.#pingAt + ASLEEP;
    if (slept) this.#dial();
    return slept;
  }

  #ping(): void {
    this.#unanswered++;
    this.#transmit({ type: "ping" } as Out);
  }

  /** The line has ended; or it says nothing: then it is dropped at once, since closing it politely can take minutes. */
  #closed(code: number): void {
    // A WebSocket that could not even open, twice or for long: there may be a proxy that lets none through.
    const opening = this.#socket && this.#written.peek().phase === "connecting";
    if (opening && navigator.onLine && (code === SILENT || this.#blocked++)) {
      this.#way = "stream";
      // At once: after a pause, a server that was away would look like such a proxy.
      this.#retryAfter = 0;
    }
    const wasStable = this.live && this.#timers.now() > this.#liveSince + STABLE;
    const retryAfter = this.#retryAfter;
    this.#hangUp(code);
    if (code >= FIRST_STOP_CODE) {
      this.#enter("stopped", code);
      this.#options.stopped?.(code, this.#lastError);
      return;
    }
    if (wasStable) this.#failures = 0;
    if (code === TRY_LATER || code === FLOOD) this.#failures = Math.max(this.#failures, 4);
    const { random = Math.random } = this.#options;
    const ceiling = Math.min(BACKOFF_CAP, BACKOFF_BASE * 2 ** this.#failures);
    this.#failures++;
    this.#enter("waiting");
    this.#cancelTimer = this.#timers.after(retryAfter ?? random() * ceiling, () => this.#dial());
  }

  #hangUp(code: number): void {
    this.#attempt++;
    this.#cancelTimer();
    this.#cancelProbe();
    this.#unanswered = 0;
    this.#outbox.interrupt();
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    try {
      socket.close(code);
    } catch {
      // Already closed.
    }
  }

  #transmit(frame: Out): void {
    this.#socket?.send(JSON.stringify(frame));
  }

  /** `well`: things get through, as far as is known. */
  #enter(phase: Phase, code = 0, well = phase === "live"): void {
    const { downSince } = this.#written.peek();
    this.#written.value = {
      phase,
      downSince: well ? null : (downSince ?? this.#timers.now()),
      code,
      reason: phase === "stopped" ? this.#lastError : "",
    };
  }
}

/**
 * The ordered send queue. One frame is on its way at a time: whatever happens to it, nothing written later can overtake it.
 * A repeat after a lost acknowledgement is harmless, since the server knows the `cid`.
 */
class Outbox<Out extends OutFrame> {
  readonly #timers: Timers;
  readonly #send: (frame: Out) => boolean;
  readonly #unanswered: () => void;
  readonly #store: EntryStore<Out> | undefined;
  #entries: Entry<Out>[] = [];
  #flying = "";
  #tries = 0;
  #paused = false;
  #cancelTimer = nothing;

  constructor(
    timers: Timers,
    send: (frame: Out) => boolean,
    unanswered: () => void,
    store: EntryStore<Out> | undefined,
  ) {
    this.#timers = timers;
    this.#send = send;
    this.#unanswered = unanswered;
    this.#store = store;
  }

  add(frame: Out & { cid: string }): void {
    const after = this.#entries.at(-1)?.order ?? 0;
    const entry = { cid: frame.cid, frame, order: Math.max(this.#timers.now(), after + 1), error: "" };
    this.#entries.push(entry);
    this.#store?.put(entry);
    this.flow();
  }

  restore(entries: Entry<Out>[]): Entry<Out>[] {
    const unknown = entries.filter(({ cid }) => !this.#find(cid));
    this.#entries = [...unknown, ...this.#entries].sort((a, b) => a.order - b.order);
    this.flow();
    return this.#entries;
  }

  retry(cid: string): void {
    const entry = this.#find(cid);
    if (entry?.error) this.#mark(entry, "");
  }

  /** Acknowledged, or given up by the person. */
  remove(cid?: string): void {
    if (!this.#find(cid)) return;
    this.#entries = this.#entries.filter((entry) => entry.cid !== cid);
    this.#store?.remove(cid as string);
    if (this.#flying === cid) this.#landed();
    this.flow();
  }

  /** True: the server asked for patience, and the frame goes out again by itself. */
  refused(frame: Incoming): boolean {
    const entry = this.#find(frame.cid);
    if (!entry) return false;
    if (this.#pause(frame)) return true;
    this.#landed();
    this.#mark(entry, frame.code as string);
    return false;
  }

  #find(cid?: string): Entry<Out> | undefined {
    return this.#entries.find((entry) => entry.cid === cid);
  }

  #mark(entry: Entry<Out>, error: string): void {
    entry.error = error;
    this.#store?.put(entry);
    this.flow();
  }

  /** The connection is gone: what was on its way goes again, first. */
  interrupt(): void {
    this.#flying = "";
    this.#paused = false;
    this.#cancelTimer();
  }

  flow(): void {
    if (this.#flying || this.#paused) return;
    const next = this.#entries.find((entry) => !entry.error);
    if (!next || !this.#send(next.frame)) return;
    this.#flying = next.cid;
    this.#cancelTimer = this.#timers.after(ACK_TIMEOUT, this.#unanswered);
  }

  #landed(): void {
    this.#flying = "";
    this.#tries = 0;
    this.#cancelTimer();
  }

  #pause(frame: Incoming): boolean {
    const ours = frame.code === "internal" && ++this.#tries < INTERNAL_TRIES;
    const seconds = ours ? 2 ** this.#tries : frame.retry_after;
    if (!seconds) return false;
    this.interrupt();
    this.#paused = true;
    this.#cancelTimer = this.#timers.after(seconds * 1000, () => {
      this.#paused = false;
      this.flow();
    });
    return true;
  }
}

const verbKey = (verb = "", ticket = 0) => `${verb} ${ticket}`;
