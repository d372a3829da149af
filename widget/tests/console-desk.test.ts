import assert from "node:assert/strict";
import { test } from "node:test";
import { asking, type Desk, EMPTY, opening, receive, sending } from "../src/console/state/desk";
import type { Notes, NoteView } from "../src/wire";
import { changed, given, item, ME, snapshot, ticket, welcome } from "./console-fixtures";

const NOW = 1_000_000;

function run(desk: Desk, ...frames: Parameters<typeof receive>[1][]) {
  return frames.reduce(
    (step, frame) => {
      const next = receive(step.desk, frame, NOW, null);
      return { desk: next.desk, send: [...step.send, ...next.send] };
    },
    { desk, send: [] as ReturnType<typeof receive>["send"][number][] },
  );
}

const signedIn = (...tickets: ReturnType<typeof ticket>[]) => run(EMPTY, welcome(tickets)).desk;

test("a welcome gives the agent, the status and the tickets", () => {
  const desk = signedIn(ticket({ id: 4 }));
  assert.equal(desk.me?.name, ME.name);
  assert.equal(desk.me?.capacity, 4);
  assert.deepEqual([...desk.tickets.keys()], [4]);
});

test("a change with a view adds a ticket that was not held", () => {
  const view = ticket({ id: 9, version: 1 });
  const { desk, send } = run(signedIn(), changed(9, 0, 1, { view }));
  assert.equal(desk.tickets.get(9)?.subject, view.subject);
  assert.deepEqual(send, []);
});

test("a patch applies to the version it was made for", () => {
  const before = signedIn(ticket({ id: 4, version: 3, unread: 0 }));
  const { desk, send } = run(before, changed(4, 3, 4, { patch: { unread: 2 } }));
  assert.equal(desk.tickets.get(4)?.unread, 2);
  assert.equal(desk.tickets.get(4)?.version, 4);
  assert.equal(before.tickets.get(4)?.unread, 0, "the desk before is left as it was");
  assert.deepEqual(send, []);
});

test("a change that is held already changes nothing", () => {
  const before = signedIn(ticket({ id: 4, version: 7, unread: 1 }));
  const { desk, send } = run(before, changed(4, 5, 6, { patch: { unread: 9 } }));
  assert.equal(desk.tickets.get(4)?.unread, 1);
  assert.deepEqual(send, []);
});

test("a patch for another version asks for the whole ticket and applies nothing", () => {
  const before = signedIn(ticket({ id: 4, version: 3, unread: 0 }));
  const { desk, send } = run(before, changed(4, 5, 6, { patch: { unread: 2 } }));
  assert.equal(desk.tickets.get(4)?.unread, 0);
  assert.deepEqual(send, [{ type: "open", ticket: 4, after: -1, epoch: "e1" }]);
});

test("after a gap the missing items and the whole ticket make it right again", () => {
  const view = ticket({ id: 4, version: 1 });
  const loaded = run(signedIn(view), snapshot(view, [item(1)])).desk;
  const gap = run(loaded, changed(4, 2, 3, { items: [item(3)], patch: { unread: 2 } }));
  assert.deepEqual(gap.send, [{ type: "open", ticket: 4, after: 1, epoch: "e1" }]);
  const { desk, send } = run(
    gap.desk,
    { type: "items", ticket: 4, items: [item(2), item(3)], more: false },
    changed(4, 3, 3, { view: ticket({ id: 4, version: 3, unread: 2 }) }),
  );
  assert.deepEqual(
    desk.threads.get(4)?.items.map(({ seq }) => seq),
    [1, 2, 3],
  );
  assert.equal(desk.tickets.get(4)?.unread, 2);
  assert.deepEqual(send, []);
});

test("a patch for a ticket that is not held asks for the whole ticket", () => {
  const { desk, send } = run(signedIn(), changed(77, 2, 3, { patch: { unread: 2 } }));
  assert.equal(desk.tickets.has(77), false);
  assert.deepEqual(send, [{ type: "open", ticket: 77, after: -1, epoch: "e1" }]);
});

test("a snapshot replaces the thread, but never a newer view", () => {
  const { desk } = run(
    signedIn(ticket({ id: 4, version: 5, unread: 3 })),
    snapshot(ticket({ id: 4, version: 4, unread: 1 }), [item(1), item(2)]),
  );
  assert.equal(desk.tickets.get(4)?.unread, 3);
  assert.deepEqual(
    desk.threads.get(4)?.items.map(({ seq }) => seq),
    [1, 2],
  );
});

test("items of a change go to the end of a loaded thread, each once", () => {
  const loaded = run(
    signedIn(ticket({ id: 4, version: 1 })),
    snapshot(ticket({ id: 4, version: 1 }), [item(1)]),
  ).desk;
  const once = run(loaded, changed(4, 1, 2, { items: [item(2)], patch: { last_seq: 2 } })).desk;
  const { desk, send } = run(once, changed(4, 1, 2, { items: [item(2)], patch: { last_seq: 2 } }));
  assert.deepEqual(
    desk.threads.get(4)?.items.map(({ seq }) => seq),
    [1, 2],
  );
  assert.deepEqual(send, []);
});

test("items with a gap before them are not shown: the gap is asked for", () => {
  const loaded = run(
    signedIn(ticket({ id: 4, version: 1 })),
    snapshot(ticket({ id: 4, version: 1 }), [item(1)]),
  ).desk;
  const { desk, send } = run(loaded, changed(4, 1, 2, { items: [item(3)], patch: { last_seq: 3 } }));
  assert.deepEqual(
    desk.threads.get(4)?.items.map(({ seq }) => seq),
    [1],
  );
  assert.deepEqual(send, [{ type: "open", ticket: 4, after: 1, epoch: "e1" }]);
});

test("items of a conversation that was never opened do not make half a thread", () => {
  const { desk, send } = run(
    signedIn(ticket({ id: 4, version: 1 })),
    changed(4, 1, 2, { items: [item(8)], patch: { last_seq: 8 } }),
  );
  assert.equal(desk.threads.has(4), false);
  assert.deepEqual(send, []);
});

test("a page of history goes before what is there and says whether there is more", () => {
  const view = ticket({ id: 4 });
  const loaded = run(signedIn(view), { ...snapshot(view, [item(5), item(6)]), more: true }).desk;
  const { desk } = run(loaded, {
    type: "items",
    ticket: 4,
    items: [item(4), item(3), item(5)],
    more: false,
    back: true,
  });
  assert.deepEqual(
    desk.threads.get(4)?.items.map(({ seq }) => seq),
    [3, 4, 5, 6],
  );
  assert.equal(desk.threads.get(4)?.more, false);
});

test("a reconnect resumes every loaded thread after its last item", () => {
  const view = ticket({ id: 4, version: 1 });
  const loaded = run(signedIn(view), snapshot(view, [item(1), item(2)])).desk;
  const { desk, send } = receive(loaded, welcome([view]), NOW, 4);
  assert.deepEqual(send, [{ type: "open", ticket: 4, after: 2, epoch: "e1" }]);
  assert.equal(desk.threads.get(4)?.items.length, 2);
});

test("a reconnect asks for one's own and for what is on the screen, not for all that was ever looked at", () => {
  const views = [ticket({ id: 1, agent_id: ME.id }), ticket({ id: 2 }), ticket({ id: 3 })];
  const loaded = run(signedIn(...views), ...views.map((view) => snapshot(view, [item(1)]))).desk;
  const { desk, send } = receive(loaded, welcome(views), NOW, 3);
  assert.deepEqual(
    send.map((frame) => "ticket" in frame && frame.ticket),
    [1, 3],
  );
  assert.deepEqual([...desk.threads.keys()], [1, 3]);
});

test("the ticket on the screen stays when a welcome does not list it, and is asked for", () => {
  const closed = ticket({ id: 4, version: 1 });
  const loaded = run(signedIn(closed), snapshot(closed, [item(1)])).desk;
  const { desk, send } = receive(loaded, welcome([]), NOW, 4);
  assert.equal(desk.tickets.has(4), true);
  assert.deepEqual(send, [{ type: "open", ticket: 4, after: 1, epoch: "e1" }]);
});

test("tickets that a welcome does not list are gone from the desk", () => {
  const { desk } = run(signedIn(ticket({ id: 4 })), welcome([ticket({ id: 5 })]));
  assert.deepEqual([...desk.tickets.keys()], [5]);
});

test("another epoch forgets the threads of the old database", () => {
  const view = ticket({ id: 4 });
  const loaded = run(signedIn(view), snapshot(view, [item(1)])).desk;
  const { desk, send } = run(loaded, { ...welcome([view]), epoch: "e2" });
  assert.equal(desk.threads.size, 0);
  assert.deepEqual(send, []);
});

test("our message is shown at once and gives way to its item", () => {
  const view = ticket({ id: 4, version: 1 });
  const loaded = run(signedIn(view), snapshot(view, [item(1)])).desk;
  const sent = sending(loaded, { ticket: 4, cid: "c1", kind: "say", text: "Hola", files: [], at: NOW });
  assert.equal(sent.pending.length, 1);
  const { desk } = run(sent, changed(4, 1, 2, { items: [item(2, { by: "agent", cid: "c1" })] }));
  assert.equal(desk.pending.length, 0);
});

test("a refused message keeps its text and says why", () => {
  const sent = sending(signedIn(ticket({ id: 4 })), {
    ticket: 4,
    cid: "c1",
    kind: "say",
    files: [],
    text: "Hola",
    at: NOW,
  });
  const { desk } = run(sent, { type: "error", code: "ticket_closed", verb: "say", cid: "c1", ticket: 4 });
  assert.deepEqual(desk.pending[0], {
    ticket: 4,
    cid: "c1",
    kind: "say",
    files: [],
    text: "Hola",
    at: NOW,
    error: "ticket_closed",
    limit: 0,
  });
});

test("a refused verb is no longer waited for and says which ticket it was about", () => {
  const asked = asking(signedIn(ticket({ id: 4 })), "claim", 4);
  assert.equal(asked.busy.has("claim:4"), true);
  const { desk } = run(asked, { type: "error", code: "ticket_not_waiting", verb: "claim", ticket: 4 });
  assert.equal(desk.busy.size, 0);
  assert.deepEqual(desk.refusal, { verb: "claim", ticket: 4, code: "ticket_not_waiting", limit: 0 });
  const fields = { cc: { code: "support_address", which: "soporte@acme.example" } } as const;
  const copied = run(desk, { type: "error", code: "bad_form", verb: "copy", ticket: 4, fields }).desk;
  assert.deepEqual(copied.refusal?.fields, fields);
});

test("a done verb is no longer waited for", () => {
  const { desk } = run(asking(signedIn(), "status", 0), { type: "done", verb: "status" });
  assert.equal(desk.busy.size, 0);
});

test("the status set in another tab is the status here", () => {
  const { desk } = run(signedIn(), { type: "status", status: "away" });
  assert.equal(desk.me?.status, "away");
});

test("a typing sign runs out by itself and ends with the message", () => {
  const view = ticket({ id: 4, version: 1 });
  const typing = run(signedIn(view), { type: "typing", ticket: 4 }).desk;
  assert.equal(typing.typing.get(4), NOW + 6000);
  const { desk } = run(typing, changed(4, 1, 2, { items: [item(2)] }));
  assert.equal(desk.typing.has(4), false);
});

test("earlier tickets come in pages, and a new first page replaces them", () => {
  const page = (ids: number[], more: boolean) =>
    ({ type: "tickets", customer: 1, tickets: ids.map((id) => ticket({ id })), more }) as const;
  const two = run(signedIn(), page([9, 8], true), page([7], false)).desk;
  assert.deepEqual(
    two.earlier.get(1)?.tickets.map(({ id }) => id),
    [9, 8, 7],
  );
  const { desk } = run(two, page([10, 9], true));
  assert.deepEqual(
    desk.earlier.get(1)?.tickets.map(({ id }) => id),
    [10, 9],
  );
});

test("a customer's open tickets are held beside the closed ones", () => {
  const page = (id: number, open: boolean) => ({
    type: "tickets" as const,
    customer: 1,
    tickets: [ticket({ id })],
    more: false,
    open,
  });
  const { desk } = run(signedIn(), page(9, true), page(3, false));
  const held = (of: "open" | "earlier") => desk[of].get(1)?.tickets.map(({ id }) => id);
  assert.deepEqual([held("open"), held("earlier")], [[9], [3]]);
});

test("opening a conversation that was never loaded asks for a snapshot", () => {
  assert.deepEqual(opening(signedIn(ticket({ id: 4 })), 4), {
    type: "open",
    ticket: 4,
    after: -1,
    epoch: "e1",
  });
});

const note = (seq: number, fields: Partial<NoteView> = {}): NoteView => ({
  seq,
  at: seq * 1000,
  author: 7,
  name: "Ana Ruiz",
  text: `Nota ${seq}`,
  cid: `note-${seq}`,
  ...fields,
});
const page = (after: number, seqs: number[], more = false): Notes => ({
  type: "notes",
  ticket: 4,
  after,
  notes: seqs.map((seq) => note(seq)),
  more,
});
const seqs = (desk: Desk) => desk.notes.get(4)?.map(({ seq }) => seq);

test("notes are read in pages until there are no more", () => {
  const { desk, send } = run(signedIn(ticket({ id: 4 })), page(0, [1, 2], true), page(2, [3]));
  assert.deepEqual(seqs(desk), [1, 2, 3]);
  assert.deepEqual(send, [{ type: "notes", ticket: 4, after: 2, epoch: "e1" }]);
});

test("a note goes to the end of those that were read, once, and a gap is asked for", () => {
  const noted = (seq: number) => ({ type: "noted" as const, ticket: 4, note: note(seq) });
  const read = run(signedIn(ticket({ id: 4 })), page(0, [1])).desk;
  const twice = run(read, noted(2), noted(2), noted(1));
  assert.deepEqual([seqs(twice.desk), twice.send], [[1, 2], []]);
  const gap = run(twice.desk, noted(5));
  assert.deepEqual(seqs(gap.desk), [1, 2]);
  assert.deepEqual(gap.send, [{ type: "notes", ticket: 4, after: 2, epoch: "e1" }]);
  assert.deepEqual(seqs(run(gap.desk, page(2, [3, 4, 5]), noted(5)).desk), [1, 2, 3, 4, 5]);
});

test("notes of a ticket that was never opened are not kept", () => {
  const { desk, send } = run(signedIn(ticket({ id: 4 })), { type: "noted", ticket: 4, note: note(3) });
  assert.deepEqual([desk.notes.size, send], [0, []]);
});

test("a note changes nothing of the ticket: neither its row nor what is unread", () => {
  const before = run(signedIn(ticket({ id: 4, agent_id: 7, unread: 1 })), page(0, [])).desk;
  const { desk } = run(before, { type: "noted", ticket: 4, note: note(1) });
  assert.equal(desk.tickets, before.tickets);
  assert.equal(desk.threads, before.threads);
});

test("a note of ours is on its way until it is there, or was read", () => {
  const on = { ticket: 4, cid: "note-1", kind: "note" as const, text: "Nota 1", files: [], at: 5 };
  const sent = sending(run(signedIn(ticket({ id: 4 })), page(0, [])).desk, on);
  assert.equal(sent.pending.length, 1);
  assert.equal(run(sent, { type: "noted", ticket: 4, note: note(1) }).desk.pending.length, 0);
  assert.equal(run(sent, page(0, [1])).desk.pending.length, 0);
});

test("another database has other notes; in the same one those go on that are looked at", () => {
  const open = run(signedIn(given(4)), snapshot(given(4), [item(1)]), page(0, [1, 2])).desk;
  const again = run(open, welcome([given(4)])).desk;
  assert.deepEqual(seqs(again), [1, 2]);
  assert.equal(run(open, { ...welcome([given(4)]), epoch: "e2" }).desk.notes.size, 0);
});
