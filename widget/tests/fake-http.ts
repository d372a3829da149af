/** A browser without a network of its own: requests that the test answers, one lock for all tabs, a page that is seen or not. */

import { settle } from "./fakes";

/** One request; the test answers it, at once or bit by bit. */
export class FakeRequest {
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly keepalive: boolean;
  aborted = false;
  readonly answered: Promise<Response>;
  #answer: (response: Response) => void = () => {};
  #refuse: (error: Error) => void = () => {};
  #down: ReadableStreamDefaultController<Uint8Array> | null = null;
  readonly #forget: () => void;

  constructor(
    readonly url: string,
    init: RequestInit,
  ) {
    this.headers = init.headers as Record<string, string>;
    this.body = (init.body as string | undefined) ?? "";
    this.keepalive = init.keepalive ?? false;
    this.answered = new Promise((resolve, reject) => {
      this.#answer = resolve;
      this.#refuse = reject;
    });
    const end = () => {
      this.aborted = true;
      this.breaks();
    };
    if (init.signal?.aborted) end();
    init.signal?.addEventListener("abort", end);
    this.#forget = () => init.signal?.removeEventListener("abort", end);
  }

  get line(): string {
    return this.headers["chat-line"] ?? "";
  }

  get mode(): string {
    return this.headers["chat-mode"] ?? "";
  }

  get frames(): { type: string; cid?: string; text?: string }[] {
    return this.body ? this.body.split("\n").map((line) => JSON.parse(line)) : [];
  }

  /** 200, and more to come. */
  opens(): this {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#down = controller;
      },
    });
    this.#answer(new Response(body, { status: 200 }));
    return this;
  }

  /** A piece of the answer, cut wherever the network likes. */
  bytes(piece: Uint8Array): void {
    this.#down?.enqueue(piece);
  }

  async tells(...frames: object[]): Promise<void> {
    for (const frame of frames) this.bytes(new TextEncoder().encode(`${JSON.stringify(frame)}\n`));
    await settle();
  }

  async ends(): Promise<void> {
    this.#down?.close();
    this.#down = null;
    await settle();
  }

  /** The whole answer at once. */
  async answers(status: number, ...frames: object[]): Promise<void> {
    this.#forget();
    const lines = frames.map((frame) => `${JSON.stringify(frame)}\n`).join("");
    this.#answer(new Response(status === 204 ? null : lines, { status }));
    await settle();
  }

  breaks(): void {
    const error = new TypeError("network error");
    this.#refuse(error);
    try {
      this.#down?.error(error);
    } catch {
      // It had ended.
    }
    this.#down = null;
  }
}

class FakeLocks {
  #held: { rob: (error: Error) => void } | null = null;

  async request(
    _name: string,
    options: { steal?: boolean; ifAvailable?: boolean },
    run: (lock: object | null) => unknown,
  ): Promise<unknown> {
    if (this.#held && options.ifAvailable) return run(null);
    this.#held?.rob(new DOMException("stolen", "AbortError"));
    let rob: (error: Error) => void = () => {};
    const robbed = new Promise((_resolve, reject) => {
      rob = reject;
    });
    const mine = { rob };
    this.#held = mine;
    try {
      return await Promise.race([robbed, run({})]);
    } finally {
      if (this.#held === mine) this.#held = null;
    }
  }
}

/** Stands for what a page finds around itself. `install` once per test: nothing of an earlier one is left. */
export class FakeBrowser {
  readonly requests: FakeRequest[] = [];
  readonly page = new EventTarget();
  readonly document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  readonly navigator: { onLine: boolean; locks: FakeLocks | undefined } = {
    onLine: true,
    locks: new FakeLocks(),
  };
  readonly #kept = new Map<string, string>();

  install(): this {
    const storage = {
      getItem: (key: string) => this.#kept.get(key) ?? null,
      setItem: (key: string, value: string) => this.#kept.set(key, value),
      removeItem: (key: string) => this.#kept.delete(key),
    };
    const world = {
      fetch: (url: string, init: RequestInit) => {
        const request = new FakeRequest(url, init);
        this.requests.push(request);
        return request.answered;
      },
      document: this.document,
      navigator: this.navigator,
      sessionStorage: storage,
      addEventListener: this.page.addEventListener.bind(this.page),
    };
    for (const [name, value] of Object.entries(world)) {
      Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    }
    return this;
  }

  get last(): FakeRequest {
    return this.requests[this.requests.length - 1] as FakeRequest;
  }

  /** Those that a line was begun with. */
  get openings(): FakeRequest[] {
    return this.requests.filter((request) => !request.line);
  }

  async shows(visible: boolean): Promise<void> {
    this.document.visibilityState = visible ? "visible" : "hidden";
    this.document.dispatchEvent(new Event("visibilitychange"));
    await settle();
  }

  /** Another tab takes the lock, and keeps it until the returned function is called. */
  async anotherTab(): Promise<() => void> {
    let leave = () => {};
    const stays = new Promise<void>((resolve) => {
      leave = resolve;
    });
    this.navigator.locks?.request("chat-line", { steal: true }, () => stays).catch(() => {});
    await settle();
    return leave;
  }
}
