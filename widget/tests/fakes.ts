/** A clock that moves when told, a socket that says what it was sent, and the views that most tests begin with. */

import { Connection, type Entry, type EntryStore, type SocketLike, type Timers } from "../src/connection";
import type { CustomerFrame, CustomerServerFrame, CustomerTicket, ItemView, Welcome } from "../src/wire";

export class FakeTimers implements Timers {
  private time = 1_000_000;
  private waiting: { at: number; run: () => void }[] = [];

  now(): number {
    return this.time;
  }

  after(ms: number, run: () => void): () => void {
    const entry = { at: this.time + ms, run };
    this.waiting.push(entry);
    return () => {
      this.waiting = this.waiting.filter((one) => one !== entry);
    };
  }

  /** The computer sleeps: time passes, and nothing happens. What was due meanwhile is late at the next `elapse`. */
  sleep(ms: number): void {
    this.time += ms;
  }

  /** Time passes, and what was due happens in its order; promises settle in between. */
  async elapse(ms: number): Promise<void> {
    const end = this.time + ms;
    for (;;) {
      await settle();
      const due = this.waiting.filter((one) => one.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.waiting = this.waiting.filter((one) => one !== due);
      this.time = Math.max(this.time, due.at);
      due.run();
    }
    this.time = end;
  }
}

/** Every promise that can settle has, streams included. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

export class FakeSocket implements SocketLike {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  readonly sent: CustomerFrame[] = [];
  closedWith: number | null = null;

  send(data: string): void {
    this.sent.push(JSON.parse(data));
  }

  close(code = 1005): void {
    this.closedWith = code;
  }

  opens(): void {
    this.onopen?.(undefined as never);
  }

  hears(frame: CustomerServerFrame): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  drops(code: number): void {
    this.onclose?.({ code });
  }

  /** The frames of one type, in the order in which they were sent. */
  sentOf<T extends CustomerFrame["type"]>(type: T): Extract<CustomerFrame, { type: T }>[] {
    return this.sent.filter((frame): frame is Extract<CustomerFrame, { type: T }> => frame.type === type);
  }
}

export class FakeStore implements EntryStore<CustomerFrame> {
  readonly kept = new Map<string, Entry<CustomerFrame>>();

  put(entry: Entry<CustomerFrame>): void {
    this.kept.set(entry.cid, structuredClone(entry));
  }

  remove(cid: string): void {
    this.kept.delete(cid);
  }
}

export function customerLine(store = new FakeStore(), hello?: () => Promise<CustomerFrame>) {
  const timers = new FakeTimers();
  const sockets: FakeSocket[] = [];
  const received: CustomerServerFrame[] = [];
  const connection = new Connection<CustomerFrame, CustomerServerFrame>({
    url: "ws://chat.test/ws/customer",
    hello: hello ?? (() => ({ type: "hello", v: 1, app: "demo" })),
    receive: (frame) => received.push(frame),
    store,
    timers,
    random: () => 0.5,
    connect: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
  });
  const last = () => sockets[sockets.length - 1] as FakeSocket;
  /** Dialled, greeted and welcomed. */
  const goLive = async () => {
    connection.start();
    await settle();
    last().opens();
    last().hears(welcome());
    return last();
  };
  return { connection, timers, sockets, received, last, goLive, store };
}

export function ticket(change: Partial<CustomerTicket> = {}): CustomerTicket {
  return {
    id: 7,
    number: 1007,
    subject: "No puedo anular una factura",
    state: "open",
    mode: "live",
    close_reason: null,
    opened_at: 1_000,
    closed_at: null,
    follows: 0,
    agent: "",
    waiting: false,
    queued_at: null,
    clock: null,
    proposal: null,
    last_seq: 0,
    last: null,
    seen: 0,
    agent_seen: 0,
    unread: 0,
    rating: null,
    rate_until: null,
    email: "",
    version: 1,
    source: "chat",
    type: "",
    category: "",
    case_kind: "",
    case: "",
    wanted: "",
    missing: [],
    closes_at: null,
    ...change,
  };
}

export const message = (seq: number, change: Partial<ItemView> = {}): ItemView => ({
  seq,
  at: 1_000 + seq,
  kind: "message",
  by: "agent",
  text: `message ${seq}`,
  name: "Ana",
  ...change,
});

export function welcome(change: Partial<Welcome> = {}): Welcome {
  return {
    type: "welcome",
    v: 1,
    now: 5_000_000,
    epoch: "life",
    who: "eva",
    token: "token",
    customer: {
      id: 1,
      name: "Eva",
      alias: "BCDF",
      email: "",
      verified: false,
      account: false,
      locale: "es",
      zone: "",
      claimed: "",
    },
    app: "Demo",
    color: "#2f55d4",
    ask_name: "no",
    ask_email: "no",
    file_bytes: 20_971_520,
    files_per_message: 10,
    mails: false,
    offer_seconds: 60,
    heartbeat: 25,
    attention: { open: true, until: null, next: null, reason: "", attended: true, chat: true },
    tickets: [],
    more: false,
    ...change,
  };
}

let counter = 0;

export const say = (text: string, ticketId = 7) => ({
  type: "say" as const,
  ticket: ticketId,
  cid: `${++counter}`.padStart(22, "c"),
  text,
});
