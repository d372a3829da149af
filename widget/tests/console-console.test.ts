import assert from "node:assert/strict";
import { test } from "node:test";
import type { SocketLike, Timers } from "../src/connection";
import type { Ask } from "../src/console/api";
import { Console } from "../src/console/console";
import { forget, readNote } from "../src/console/drafts";
import type { AgentFrame, AgentServerFrame, AgentTicket, DeskMore, DeskPage, FileLinks } from "../src/wire";
import { changed, given, item, snapshot, ticket, waiting, welcome } from "./console-fixtures";

class FakeSocket implements SocketLike {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  readonly sent: AgentFrame[] = [];

  send(data: string): void {
    this.sent.push(JSON.parse(data));
  }

  close(): void {}

  gives(...frames: AgentServerFrame[]): void {
    for (const frame of frames) this.onmessage?.({ data: JSON.stringify(frame) });
  }
}

/** A clock that moves only when told to. */
class FakeTimers implements Timers {
  private at = 1000;
  private due: { at: number; run: () => void }[] = [];

  now(): number {
    return this.at;
  }

  after(ms: number, run: () => void): () => void {
    const entry = { at: this.at + ms, run };
    this.due.push(entry);
    return () => {
      this.due = this.due.filter((one) => one !== entry);
    };
  }

  elapse(ms: number): void {
    this.at += ms;
    for (const entry of this.due.filter(({ at }) => at <= this.at)) {
      this.due = this.due.filter((one) => one !== entry);
      entry.run();
    }
  }
}

/** A tab's storage, as far as the console uses it: entries are own properties, as in a browser. */
class FakeStorage {
  [key: string]: unknown;

  getItem(key: string): string | null {
    return Object.hasOwn(this, key) ? (this[key] as string) : null;
  }

  setItem(key: string, value: string): void {
    this[key] = value;
  }

  removeItem(key: string): void {
    delete this[key];
  }
}

/** A console, its sockets in the order of dialling, and what it told its page. */
function world(ask?: Ask) {
  const sockets: FakeSocket[] = [];
  const told: string[] = [];
  const timers = new FakeTimers();
  let tokens = 0;
  let cids = 0;
  const console = new Console({
    session: { socketToken: async () => `token-${++tokens}` },
    url: "ws://chat.example/ws/agent",
    ended: (code) => told.push(`ended ${code}`),
    replaced: () => told.push("replaced"),
    newCid: () => `cid-${++cids}`,
    save: (url) => told.push(`saved ${url}`),
    ...(ask && { ask }),
    connect: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    timers,
  });
  /** The newest connection, greeted. */
  const open = async (frame: AgentServerFrame): Promise<FakeSocket> => {
    await new Promise((resolve) => setImmediate(resolve));
    const socket = sockets.at(-1);
    assert.ok(socket, "dialled");
    socket.onopen?.(undefined as never);
    socket.gives(frame);
    return socket;
  };
  return { console, timers, told, open };
}

const of = <T extends AgentFrame["type"]>(socket: FakeSocket, type: T) =>
  socket.sent.filter((frame): frame is Extract<AgentFrame, { type: T }> => frame.type === type);

test("every connection says hello with a token of its own", async () => {
  const { console, timers, open } = world();
  console.start();
  const first = await open(welcome([]));
  first.onclose?.({ code: 4001 });
  timers.elapse(60_000);
  const second = await open(welcome([]));
  assert.deepEqual(of(first, "hello"), [{ type: "hello", v: 1, token: "token-1" }]);
  assert.deepEqual(of(second, "hello"), [{ type: "hello", v: 1, token: "token-2" }]);
  console.end();
});

test("a session that ended elsewhere is told to the page", async () => {
  const { console, told, open } = world();
  console.start();
  (await open(welcome([]))).onclose?.({ code: 4502 });
  assert.deepEqual(told, ["ended 4502"]);
});

test("a connection that comes back as another agent gives up before anything is sent as them", async () => {
  const { console, timers, told, open } = world();
  console.start();
  const first = await open(welcome([given(4)]));
  console.say(4, "Hola");
  assert.equal(of(first, "say").length, 1);
  first.onclose?.({ code: 4001 });
  timers.elapse(60_000);
  const second = await open({ ...welcome([]), id: 99 });
  assert.deepEqual(told, ["replaced"]);
  assert.deepEqual(of(second, "say"), []);
});

test("a message that was not acknowledged goes again, under the same id, and is shown once", async () => {
  const { console, timers, open } = world();
  console.start();
  const first = await open(welcome([given(4)]));
  console.say(4, "Hola");
  first.onclose?.({ code: 1006 });
  timers.elapse(60_000);
  const second = await open(welcome([given(4)]));
  const say = { type: "say", ticket: 4, cid: "cid-1", text: "Hola" };
  assert.deepEqual(of(first, "say"), [say]);
  assert.deepEqual(of(second, "say"), [say]);
  assert.equal(console.desk.value.pending.length, 1);
  console.end();
});

test("taking a ticket opens it, asks, and remembers that it asked", async () => {
  const { console, open } = world();
  console.start();
  const socket = await open(welcome([waiting(4, 1)]));
  console.claim(4);
  assert.equal(console.selected.value, 4);
  assert.deepEqual(of(socket, "claim"), [{ type: "claim", ticket: 4 }]);
  assert.equal(console.desk.value.busy.has("claim:4"), true);
  socket.gives({ type: "done", verb: "claim", ticket: 4 });
  assert.equal(console.desk.value.busy.size, 0);
  console.end();
});

test("what I have before my eyes is reported as seen once, and only where it is mine", async () => {
  const { console, open } = world();
  console.start();
  const mine = given(4, { last_seq: 2 });
  const theirs = ticket({ id: 5, agent_id: 99 });
  const socket = await open(welcome([mine, theirs]));
  socket.gives(snapshot(mine, [item(1), item(2)]), snapshot(theirs, [item(1)]));
  console.saw(mine);
  console.saw(mine);
  console.saw(theirs);
  assert.deepEqual(of(socket, "seen"), [{ type: "seen", ticket: 4, seq: 2 }]);
  console.end();
});

test("typing is said at most every three seconds, and once when it stops", async () => {
  const { console, timers, open } = world();
  console.start();
  const socket = await open(welcome([given(4)]));
  console.typing(4, true);
  timers.elapse(2999);
  console.typing(4, true);
  timers.elapse(1);
  console.typing(4, true);
  console.typing(4, false);
  console.typing(4, false);
  assert.deepEqual(
    of(socket, "typing").map(({ on }) => on),
    [true, true, false],
  );
  console.end();
});

test("an earlier ticket has a way back to the one it was opened from", async () => {
  const { console, open } = world();
  console.start();
  const socket = await open(welcome([given(4)]));
  console.select(4);
  console.lookBack(2);
  socket.gives(snapshot(ticket({ id: 2, state: "closed" }), [item(1)]));
  assert.equal(console.ticket.value?.id, 2);
  console.back();
  assert.equal(console.selected.value, 4);
  assert.equal(console.cameFrom.value, null);
  console.end();
});

test("a number leads to its ticket and back, but for who went on to another one meanwhile", async () => {
  const { console, open } = world();
  console.start();
  const socket = await open(welcome([given(4), given(5)]));
  const found = { type: "found", app: "facturas", number: 1002, ticket: 2 } as const;
  console.select(4);
  console.lookUp("facturas", 1002);
  assert.deepEqual(of(socket, "find"), [{ type: "find", app: "facturas", number: 1002 }]);
  console.select(5);
  socket.gives(found);
  assert.equal(console.selected.value, 5);
  console.select(4);
  console.lookUp("facturas", 1002);
  socket.gives({ ...found, number: 1003, ticket: 3 });
  assert.equal(console.selected.value, 4, "another question's answer");
  socket.gives({ type: "error", code: "not_found", verb: "find" });
  assert.equal(console.desk.value.refusal?.verb, "find");
  console.lookUp("facturas", 1002);
  assert.equal(console.desk.value.refusal, null);
  socket.gives(found);
  assert.deepEqual([console.selected.value, console.cameFrom.value], [2, 4]);
  console.end();
});

test("a ticket that does not exist for me is not left on the screen", async () => {
  const { console, open } = world();
  console.select(404);
  console.start();
  const socket = await open(welcome([]));
  assert.deepEqual(of(socket, "open"), [{ type: "open", ticket: 404, after: -1, epoch: "e1" }]);
  socket.gives({ type: "error", code: "not_found", verb: "open", ticket: 404 });
  assert.equal(console.selected.value, null);
  console.end();
});

test("the chosen status shows at once, and the server's word stands", async () => {
  const { console, open } = world();
  console.start();
  const socket = await open(welcome([]));
  console.setStatus("busy");
  assert.equal(console.desk.value.me?.status, "busy");
  assert.deepEqual(of(socket, "status"), [{ type: "status", status: "busy" }]);
  socket.gives({ type: "status", status: "away" });
  assert.equal(console.desk.value.me?.status, "away");
  console.end();
});

test("a gap in a ticket's versions is filled by a snapshot", async () => {
  const { console, open } = world();
  console.start();
  const socket = await open(welcome([given(4, { version: 1 })]));
  socket.gives(changed(4, 2, 3, { patch: { unread: 5 } }));
  assert.deepEqual(of(socket, "open"), [{ type: "open", ticket: 4, after: -1, epoch: "e1" }]);
  socket.gives(snapshot(given(4, { version: 3, unread: 5 }), [item(1)]));
  assert.equal(console.desk.value.tickets.get(4)?.unread, 5);
  console.end();
});

test("proposing asks in the words of the draft, else with the plain question, and empties the composer", async () => {
  Object.defineProperty(globalThis, "sessionStorage", { configurable: true, value: new FakeStorage() });
  const { console, open } = world();
  console.start();
  const socket = await open(welcome([given(4)]));
  const mine = given(4);
  console.keepDraft(4, "  Ya puedes emitirla.  ");
  console.propose(mine);
  assert.equal(console.draft(4), "");
  console.propose(mine);
  assert.deepEqual(
    of(socket, "propose").map(({ text }) => text),
    ["Ya puedes emitirla."],
  );
  const shown = console.desk.value.pending.map(({ text }) => text);
  // No catalogue is loaded here: the key stands for its words.
  assert.deepEqual(shown, ["Ya puedes emitirla.", "console.propose.question_es"]);
  assert.equal(console.redraws.value, 2);
  console.end();
  Reflect.deleteProperty(globalThis, "sessionStorage");
});

test("the question whether to close ends with the ticket, also when the customer closed it", async () => {
  const { console, open } = world();
  console.start();
  const socket = await open(welcome([given(4)]));
  console.select(4);
  console.begin("closing");
  socket.gives(changed(4, 1, 2, { patch: { unread: 1 } }));
  assert.equal(console.doing.value, "closing");
  socket.gives(changed(4, 2, 3, { patch: { state: "closed" } }));
  assert.equal(console.doing.value, null);
  console.end();
});

test("a ticket that a colleague attends is brought up to date on request", async () => {
  const { console, open } = world();
  console.start();
  const socket = await open(welcome([given(4)]));
  console.select(4);
  socket.gives(snapshot(given(4), [item(1), item(2)]));
  console.refresh(4);
  assert.deepEqual(of(socket, "open").at(-1), { type: "open", ticket: 4, after: 2, epoch: "e1" });
  console.end();
});

const queue = (from: number, count: number) =>
  Array.from({ length: count }, (_, at) => waiting(from + at, from + at));

/** The next page of the queue, as it was asked for last. */
function nextPage(socket: FakeSocket, tickets: AgentTicket[], more: boolean): DeskPage {
  const { of: list, rank = 0, after = 0 } = of(socket, "desk").at(-1) as DeskMore;
  return { type: "desk", of: list, rank, after, tickets, more };
}

test("more of the queue is asked for before it is wanted on the screen, one page at a time", async () => {
  const { console, open } = world();
  console.start();
  const socket = await open({ ...welcome(queue(1, 60)), more: ["waiting"] });
  assert.deepEqual(of(socket, "desk"), [], "enough for the first rows");
  console.showMore("waiting");
  console.showMore("waiting");
  assert.equal(of(socket, "desk").length, 1);
  socket.gives(nextPage(socket, queue(61, 60), true));
  assert.deepEqual(of(socket, "desk").at(-1), { type: "desk", of: "waiting", rank: 120, after: 120 });
  socket.gives(nextPage(socket, queue(121, 3), false));
  assert.equal(of(socket, "desk").length, 2);
  assert.equal(console.lists.value.waiting.length, 123);
  console.end();
});

test("when those on the page leave, the next ones are fetched by themselves", async () => {
  const { console, open } = world();
  console.start();
  const socket = await open({ ...welcome(queue(1, 51)), more: ["waiting"] });
  for (const id of [1, 2])
    socket.gives(changed(id, 1, 2, { view: ticket({ id, agent_id: 99, version: 2 }) }));
  assert.equal(of(socket, "desk").length, 1);
  socket.gives(nextPage(socket, queue(52, 10), false));
  assert.equal(console.lists.value.waiting.length, 59);
  console.end();
});

test("a page that was asked for when the line broke is asked for again on the next one", async () => {
  const { console, timers, open } = world();
  console.start();
  const frame = { ...welcome(queue(1, 10)), more: ["waiting"] } satisfies AgentServerFrame;
  const first = await open(frame);
  first.onclose?.({ code: 1006 });
  console.showMore("waiting");
  timers.elapse(60_000);
  const second = await open(frame);
  assert.equal(of(first, "desk").length, 1);
  assert.equal(of(second, "desk").length, 1);
  console.end();
});

test("what was read too fast is asked for again when the server said, one after the other, and nobody is told", async () => {
  const { console, timers, open } = world();
  console.start();
  const socket = await open({ ...welcome(queue(1, 10)), more: ["waiting"] });
  socket.gives(snapshot(waiting(1, 1), [item(2)]));
  console.select(1);
  console.loadHistory(1);
  const limited = { type: "error", code: "rate_limited", retry_after: 2 } as const;
  socket.gives({ ...limited, verb: "open", ticket: 1 }, { ...limited, verb: "history", ticket: 1 });
  socket.gives({ ...limited, verb: "desk" });
  assert.equal(console.desk.value.refusal, null);
  timers.elapse(1999);
  const asked = () => (["open", "history", "desk"] as const).map((type) => of(socket, type).length);
  assert.deepEqual(asked(), [1, 1, 1]);
  timers.elapse(1);
  assert.deepEqual(asked(), [2, 1, 1]);
  timers.elapse(2000);
  assert.deepEqual(asked(), [2, 2, 1]);
  timers.elapse(2000);
  assert.deepEqual(asked(), [2, 2, 2]);
  console.end();
});

const SENT = { id: "file-1", name: "captura.png", kind: "png", bytes: 48_213 } as const;
const links = (ticket: number, seq: number, until: number): FileLinks => ({
  type: "links",
  ticket,
  seq,
  files: [{ id: "file-1", url: "/files/a", thumbnail: "", width: 0, height: 0 }],
  until,
});

test("a message takes the files at its composer, and shows them after a reload until it has arrived", async () => {
  globalThis.sessionStorage = new FakeStorage() as unknown as Storage;
  const first = world();
  first.console.start();
  (await first.open(welcome([given(4)]))).onclose?.({ code: 1006 });
  globalThis.sessionStorage.setItem("console.files.4", JSON.stringify([SENT]));
  first.console.say(4, "");
  assert.deepEqual(first.console.uploads.of(4), []);
  const second = world();
  second.console.start();
  const socket = await second.open(welcome([given(4)]));
  assert.deepEqual(of(socket, "say"), [
    { type: "say", ticket: 4, cid: "cid-1", text: "", files: ["file-1"] },
  ]);
  assert.deepEqual(second.console.desk.peek().pending[0]?.files, [SENT]);
  socket.gives({ type: "ack", cid: "cid-1", ticket: 4, seq: 3 });
  assert.equal(globalThis.sessionStorage.getItem("console.files.cid-1"), null);
  globalThis.sessionStorage = new FakeStorage() as unknown as Storage;
});

test("a file is saved by a link that still opens, else a new one is asked for first", async () => {
  const { console, timers, told, open } = world();
  console.start();
  const socket = await open(welcome([given(4)]));
  socket.gives(snapshot(given(4), [item(1, { files: [SENT] })]));
  console.links.save(4, 1, "file-1");
  assert.deepEqual(told, []);
  socket.gives(links(4, 1, 60_000));
  assert.deepEqual(told, ["saved /files/a"]);
  console.links.save(4, 1, "file-1");
  assert.equal(told.length, 2);
  timers.elapse(55_000);
  console.links.save(4, 1, "file-1");
  assert.equal(told.length, 2);
  assert.equal(of(socket, "links").length, 2);
});

test("a link that was asked for when the line broke is asked for on the next one, and a refusal forgets the wish", async () => {
  const { console, timers, told, open } = world();
  console.start();
  const first = await open(welcome([given(4)]));
  first.gives(snapshot(given(4), [item(1, { files: [SENT] })]));
  console.links.save(4, 1, "file-1");
  first.onclose?.({ code: 1006 });
  timers.elapse(60_000);
  const second = await open(welcome([given(4)]));
  assert.equal(of(second, "links").length, 1);
  second.gives({ type: "error", code: "files_unavailable", verb: "links", ticket: 4 });
  assert.equal(console.desk.peek().refusal?.code, "files_unavailable");
  second.gives(links(4, 1, 900_000));
  assert.deepEqual(told, []);
});

const pending = { ...given(4), mode: "later", answer_due_at: null } as const;

test("what is said with Pendiente is the draft until the server has done it, and then goes out once", async () => {
  globalThis.sessionStorage = new FakeStorage() as unknown as Storage;
  const { console, open } = world();
  console.start();
  const socket = await open(welcome([pending]));
  console.select(4);
  console.begin("pending");
  console.pend(4, " ¿Me mandas una foto? ");
  assert.deepEqual(of(socket, "pend"), [{ type: "pend", ticket: 4 }]);
  assert.deepEqual(of(socket, "say"), []);
  assert.equal(console.draft(4), " ¿Me mandas una foto? ");
  socket.gives({ type: "done", verb: "pend", ticket: 4 });
  assert.deepEqual(
    of(socket, "say").map(({ text }) => text),
    ["¿Me mandas una foto?"],
  );
  assert.equal(console.draft(4), "");
  assert.equal(console.doing.peek(), null);
  console.takeBack(4);
  console.keepDraft(4, "Sigo escribiendo");
  socket.gives({ type: "done", verb: "pend", ticket: 4 });
  assert.equal(of(socket, "say").length, 1);
  assert.equal(console.draft(4), "Sigo escribiendo");
});

test("a refused verb keeps its dialog and its words", async () => {
  globalThis.sessionStorage = new FakeStorage() as unknown as Storage;
  const { console, open } = world();
  console.start();
  const socket = await open(welcome([pending]));
  console.select(4);
  console.begin("sending_back");
  console.sendBack(4, ["phone"], "¿A qué número?");
  socket.gives({ type: "error", code: "bad_form", verb: "send_back", ticket: 4 });
  assert.equal(console.doing.peek(), "sending_back");
  assert.equal(console.desk.peek().refusal?.verb, "send_back");
  assert.equal(console.draft(4), "¿A qué número?");
  assert.deepEqual(of(socket, "say"), []);
  console.sendBack(4, ["phone"], "¿A qué número?");
  socket.gives({ type: "done", verb: "send_back", ticket: 4 });
  assert.equal(of(socket, "say").length, 1);
});

test("two classifications in a row are both said, also by a connection that comes back in between", async () => {
  const { console, timers, open } = world();
  console.start();
  const first = await open(welcome([pending]));
  console.classify(4, { priority: 3 });
  console.classify(4, { type: "incident" });
  first.onclose?.({ code: 1006 });
  timers.elapse(60_000);
  const second = await open(welcome([pending]));
  assert.deepEqual(of(second, "classify"), [
    { type: "classify", ticket: 4, said: { priority: 3, type: "incident" } },
  ]);
  second.gives({ type: "done", verb: "classify", ticket: 4 });
  console.classify(4, { category: "x" });
  assert.deepEqual(of(second, "classify").at(-1)?.said, { category: "x" });
});

test("a form is fetched once for what the welcome calls it, again when that changes, and after a failure at the next look", async () => {
  const asked: string[] = [];
  let answers: "done" | "failed" = "failed";
  const { console, open, timers } = world(async (_method, url) => {
    asked.push(url);
    return answers === "done"
      ? { kind: "done", value: { mark: "x", ask: {}, cases: [], categories: [], fields: [] } as never }
      : { kind: "failed" };
  });
  console.start();
  const socket = await open(welcome([pending]));
  const look = async () => {
    console.wantForm("facturas");
    console.wantForm("facturas");
    await new Promise((resolve) => setImmediate(resolve));
  };
  await look();
  assert.equal(console.form("facturas"), null);
  answers = "done";
  await look();
  await look();
  assert.deepEqual(asked, ["/console/form?app=facturas", "/console/form?app=facturas"]);
  assert.equal(console.form("facturas")?.mark, "3b1f0c9a5de27746");
  socket.onclose?.({ code: 4001 });
  timers.elapse(60_000);
  const changed = welcome([pending]);
  await open({ ...changed, apps: changed.apps.map((app) => ({ ...app, form: "another" })) });
  await look();
  assert.equal(asked.length, 3);
});

test("a note is sent as a note, its draft is no answer's, and nobody is told that somebody types", async () => {
  Object.assign(globalThis, { sessionStorage: new FakeStorage() });
  const { console, open } = world();
  console.start();
  const socket = await open(welcome([given(4)]));
  console.select(4);
  console.keepDraft(4, "Estimada Lucía:");
  console.write(4, "note");
  console.keepNote(4, "Ojo: demandará");
  assert.equal(console.draft(4), "Estimada Lucía:");
  assert.equal(of(socket, "typing").length, 0);
  // Whatever the ticket's other verbs take out of the composer is the answer.
  console.propose(given(4));
  assert.deepEqual(
    of(socket, "propose").map(({ text }) => text),
    ["Estimada Lucía:"],
  );
  socket.gives({ type: "ack", cid: "cid-1", ticket: 4, seq: 2 });
  console.note(4, console.noteDraft(4));
  assert.deepEqual(
    of(socket, "note").map(({ ticket, text }) => [ticket, text]),
    [[4, "Ojo: demandará"]],
  );
  assert.equal(of(socket, "say").length, 0);
  assert.equal(console.noteDraft(4), "");
  // The next word that is written without looking must not be the customer's.
  assert.equal(console.writing.value, "note");
  console.end();
});

test("what a ticket's composer is for is remembered for as long as a note is begun", async () => {
  Object.assign(globalThis, { sessionStorage: new FakeStorage() });
  const { console, open } = world();
  console.start();
  await open(welcome([given(4), given(5)]));
  console.select(4);
  console.write(4, "note");
  console.select(5);
  assert.equal(console.writing.value, "answer");
  console.select(4);
  assert.equal(console.writing.value, "answer", "nothing was begun");
  console.write(4, "note");
  console.keepNote(4, "Ojo");
  console.select(5);
  console.select(4);
  assert.equal(console.writing.value, "note");
  console.keepNote(4, "");
  console.select(5);
  console.select(4);
  assert.equal(console.writing.value, "answer");
  console.end();
});

test("a note that waits is a note after a reload of the tab too", async () => {
  Object.assign(globalThis, { sessionStorage: new FakeStorage() });
  const first = world();
  first.console.start();
  await first.open(welcome([given(4)]));
  first.console.note(4, "Ojo: demandará");
  first.console.end();
  const second = world();
  second.console.start();
  const socket = await second.open(welcome([given(4)]));
  assert.deepEqual(
    second.console.desk.value.pending.map(({ kind, text }) => [kind, text]),
    [["note", "Ojo: demandará"]],
  );
  assert.deepEqual(
    socket.sent.filter(({ type }) => type === "note" || type === "say").map(({ type }) => type),
    ["note"],
  );
  second.console.end();
});

test("notes are read with the ticket, and after a reconnect from where they ended", async () => {
  Object.assign(globalThis, { sessionStorage: new FakeStorage() });
  const { console, timers, open } = world();
  console.start();
  const socket = await open(welcome([given(4)]));
  console.select(4);
  assert.deepEqual(of(socket, "notes"), [{ type: "notes", ticket: 4, after: 0, epoch: "e1" }]);
  const note = { seq: 1, at: 5, author: 7, name: "Ana", text: "Ojo", cid: "c" };
  socket.gives(snapshot(given(4), [item(1)]), {
    type: "notes",
    ticket: 4,
    after: 0,
    notes: [note],
    more: false,
  });
  socket.onclose?.({ code: 4001 });
  timers.elapse(60_000);
  const next = await open(welcome([given(4)]));
  assert.deepEqual(of(next, "notes"), [{ type: "notes", ticket: 4, after: 1, epoch: "e1" }]);
  console.end();
});

test("a page of notes that does not follow what it was asked after is not asked for again; an outdated one is", async () => {
  Object.assign(globalThis, { sessionStorage: new FakeStorage() });
  const { console, open } = world();
  console.start();
  const socket = await open(welcome([given(4)]));
  console.select(4);
  const note = (seq: number) => ({ seq, at: 5, author: 7, name: "Ana", text: "Ojo", cid: `c${seq}` });
  const page = (after: number, ...seqs: number[]) =>
    ({ type: "notes", ticket: 4, after, notes: seqs.map(note), more: false }) as const;
  for (let times = 0; times < 5; times++) socket.gives(page(0, 2));
  assert.equal(of(socket, "notes").length, 1);
  assert.equal(console.desk.value.notes.get(4), undefined);
  socket.gives(page(0, 1), page(7, 8));
  assert.equal(of(socket, "notes").at(-1)?.after, 1);
  assert.equal(of(socket, "notes").length, 2);
  console.end();
});

test("thirty conversations come back with one read each, and the notes of the one that is on the screen", async () => {
  Object.assign(globalThis, { sessionStorage: new FakeStorage() });
  const { console, timers, open } = world();
  console.start();
  const tickets = [...Array(30).keys()].map((at) => given(at + 1));
  const first = await open(welcome(tickets));
  for (const one of tickets) {
    console.select(one.id);
    first.gives(snapshot(one, [item(1), item(2)]));
  }
  first.onclose?.({ code: 4001 });
  timers.elapse(60_000);
  const second = await open(welcome(tickets));
  assert.equal(of(second, "open").length, 30);
  assert.deepEqual(
    of(second, "notes").map(({ ticket }) => ticket),
    [30],
  );
  console.select(7);
  assert.equal(of(second, "notes").at(-1)?.ticket, 7, "read when it is looked at");
  console.end();
});

test("where nothing may be stored, an answer stands in the composer still after a note was begun", async () => {
  const forbidden = () => {
    throw new Error("forbidden");
  };
  const storage = { getItem: forbidden, setItem: forbidden, removeItem: forbidden };
  Object.assign(globalThis, { sessionStorage: storage });
  const { console, open } = world();
  console.start();
  await open(welcome([given(4)]));
  console.select(4);
  console.keepDraft(4, "Estimada Lucía:");
  console.write(4, "note");
  console.keepNote(4, "Ojo");
  console.write(4, "answer");
  assert.deepEqual([console.draft(4), console.noteDraft(4)], ["Estimada Lucía:", "Ojo"]);
  console.say(4, "Estimada Lucía:");
  assert.equal(console.draft(4), "");
  console.end();
  forget();
  assert.equal(readNote(4), "", "signed out: nothing stays");
});
