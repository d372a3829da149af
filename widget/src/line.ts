/**
 * The frames over plain HTTP, for networks that let no WebSocket through: one streamed answer down (where streams stall, one poll
 * after another), POSTs up. To the connection it is a socket. docs/protocol.md, "Without WebSockets", is the contract.
 *
 * Whenever anything is doubtful the line ends: the connection dials again and resumes by number. The widget's frame fetches this
 * file only when it is needed.
 */

import { CLOSE, MAX_FRAME_BYTES } from "./wire";

/** A WebSocket, or what takes its place. */
export interface SocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  send(data: string): void;
  close(code?: number): void;
}

export interface Timers {
  now(): number;
  /** Runs once after `ms`; returns what cancels it. */
  after(ms: number, run: () => void): () => void;
}

/** Tells the way to take next time, over reloads too: words that only this file reads. */
type Choose = (way: string) => void;

/** A stream that has not begun by then is one that somebody holds back. */
const OPENING = 5_000;
/** For so long what worked is taken again at once; then WebSockets get another chance. */
const MEMORY = 600_000;
/**
 * A browser has six connections to a host over HTTP/1.1, and the tabs of one person share them. So of the tabs that nobody
 * sees at most one has a line, and none while another is seen.
 */
const LOCK = "chat-line";
const LOST = 1006;
const LEAVING = 1001;

/**
 * `way`: "stream" or "poll", and until when that is remembered (ms). Null when it is over: then it is a WebSocket's turn.
 * `url`: of the WebSocket in whose place it stands.
 */
export function dial(way: string, url: string, timers: Timers, choose: Choose): SocketLike | null {
  const [kind = "", until] = way.split(" ");
  const over = until !== undefined && timers.now() >= Number(until);
  // A network that is away says nothing against what worked; what did not work yet is tried once.
  if (over || !until) choose("");
  return over ? null : new Line(way, kind, url, timers, choose);
}

const bytes = (text: string): number => new TextEncoder().encode(text).length;

const seen = (): boolean => document.visibilityState === "visible";

class Line implements SocketLike {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  readonly #kind: string;
  readonly #url: string;
  readonly #timers: Timers;
  readonly #choose: Choose;
  /** What to say to be dialled like this again. */
  #way: string;
  readonly #life = new AbortController();
  #cancelTimer = () => {};
  #begun = false;
  #id = "";
  /** Said and not yet posted. */
  #unsaid: string[] = [];
  #saying = false;

  constructor(way: string, kind: string, url: string, timers: Timers, choose: Choose) {
    this.#way = way;
    this.#kind = kind;
    this.#timers = timers;
    this.#choose = choose;
    this.#url = url.replace(/^ws(.*)\/ws\//, "http$1/line/");
    // Such a page may come back out of the browser's cache: it finds its line ended then, and dials.
    addEventListener("pagehide", () => this.#leave(LEAVING), { signal: this.#life.signal });
    // In a moment, when whoever made the line listens. The frame that is said first begins it.
    queueMicrotask(() => this.onopen?.());
  }

  send(frame: string): void {
    if (this.#begun) {
      this.#unsaid.push(frame);
      void this.#say();
    } else void this.#begin(frame);
  }

  close(code?: number): void {
    if (code === CLOSE.SILENT && this.#kind === "stream") this.#choose("poll");
    this.onclose = null;
    this.#leave(LOST);
  }

  /** Who is seen takes the lock from whoever has it; who is not has it only if nobody else does. */
  async #begin(hello: string): Promise<void> {
    let held = false;
    this.#begun = true;
    try {
      await navigator.locks.request(LOCK, seen() ? { steal: true } : { ifAvailable: true }, (lock) => {
        held = true;
        return lock ? this.#live(hello) : this.#giveWay();
      });
    } catch {
      if (held) this.#robbed();
      else await this.#live(hello); // no locks here: plain http, or storage is refused to a framed page
    }
  }

  /** Another tab is seen now. If this one is too, side by side, it goes on until it is not. */
  #robbed(): void {
    const yieldUnseen = () => {
      if (!seen()) this.#giveWay();
    };
    yieldUnseen();
    document.addEventListener("visibilitychange", yieldUnseen, { signal: this.#life.signal });
  }

  /** The connection asks again when somebody looks, and now and then: the other tab may be gone. */
  #giveWay(): void {
    this.#choose(this.#way);
    this.#leave(CLOSE.TRY_LATER);
  }

  async #live(hello: string): Promise<void> {
    if (this.#kind === "stream") this.#cancelTimer = this.#timers.after(OPENING, () => this.#stalled());
    const mode = { "chat-mode": this.#kind };
    try {
      await this.#hear(mode, hello);
      while (this.#kind === "poll") await this.#hear({ ...mode, "chat-line": this.#id });
    } catch {
      // Lost, as one that ends without a word.
    }
    this.#over(LOST);
  }

  /** Reads one answer to its end, frame by frame. */
  async #hear(headers: Record<string, string>, body = ""): Promise<void> {
    const answer = await this.#post(headers, body);
    const reader = answer.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = ""; ; ) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop() as string;
      for (const line of lines) {
        const frame = JSON.parse(line);
        // Not within: a fault of whoever listens is no fault of the line.
        queueMicrotask(() => this.#heard(frame, line));
      }
    }
  }

  #heard(frame: { type: string; id: string; code: number }, data: string): void {
    if (frame.type === "end") this.#over(frame.code);
    else if (frame.type === "line") {
      this.#id = frame.id;
      this.#cancelTimer();
      this.#worked();
      void this.#say();
    } else this.onmessage?.({ data });
  }

  /** One POST at a time, so that frames keep their order: what is said meanwhile goes into the next one. */
  async #say(): Promise<void> {
    if (this.#saying || !this.#id) return;
    this.#saying = true;
    try {
      while (this.#unsaid.length) await this.#post({ "chat-line": this.#id }, this.#batch());
    } catch {
      this.#over(LOST);
    }
    this.#saying = false;
  }

  /** As many frames as go into one POST. */
  #batch(): string {
    let batch = this.#unsaid.shift() as string;
    while (this.#unsaid.length) {
      const more = `${batch}\n${this.#unsaid[0]}`;
      if (bytes(more) > MAX_FRAME_BYTES) break;
      batch = more;
      this.#unsaid.shift();
    }
    return batch;
  }

  /** What the server answers. Raises when it refuses. */
  async #post(headers: Record<string, string>, body: string): Promise<ReadableStream> {
    const answer = await fetch(this.#url, { method: "POST", headers, body, signal: this.#life.signal });
    if (!answer.ok) {
      // A server that knows no lines. (From 500 on it is away, or what stands before it says so.)
      if (!this.#id && answer.status < 500) this.#choose("");
      throw new Error(`${this.#url}: ${answer.status}`);
    }
    return answer.body ?? new ReadableStream();
  }

  #stalled(): void {
    this.#choose("poll");
    this.#leave(LOST);
  }

  #worked(): void {
    this.#way = `${this.#kind} ${this.#timers.now() + MEMORY}`;
    this.#choose(this.#way);
  }

  /** Ended by us: the server hears of it, even if this page is about to go. */
  #leave(code: number): void {
    const headers = { "chat-line": this.#id, "chat-mode": "end" };
    const known = this.#id && !this.#life.signal.aborted;
    if (known) fetch(this.#url, { method: "POST", headers, keepalive: true }).catch(() => {});
    this.#over(code);
  }

  #over(code: number): void {
    if (this.#life.signal.aborted) return;
    this.#life.abort();
    this.#cancelTimer();
    this.onclose?.({ code });
  }
}
