import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type CustomerState,
  EMPTY,
  type LocalEvent,
  type Room,
  step,
  unreadTotal,
} from "../../src/state/customer";
import { thread } from "../../src/state/thread";
import type { CustomerFrame, CustomerServerFrame } from "../../src/wire";
import { message, say, ticket, welcome } from "../fakes";

/** The state after events, and the frames that they asked for. */
function after(events: (CustomerServerFrame | LocalEvent)[], from = EMPTY) {
  let state: CustomerState = from;
  const sent: CustomerFrame[] = [];
  for (const event of events) {
    const next = step(state, event, 10_000);
    state = next.state;
    sent.push(...next.send);
  }
  return { state, sent, room: state.rooms.get(7) as Room };
}

const seqs = (room: Room) => room.items.map((item) => item.seq);
const opened = (last = 3): CustomerServerFrame[] => [
  welcome({ tickets: [ticket({ last_seq: last })] }),
  {
    type: "snapshot",
    view: ticket({ last_seq: last }),
    items: Array.from({ length: last }, (_, i) => message(i + 1)),
    more: false,
  },
];
const changed = (seq: number, base: number, patch = {}): CustomerServerFrame => ({
  type: "changed",
  ticket: 7,
  base,
  version: base + 1,
  items: [message(seq)],
  patch: { last_seq: seq, ...patch },
});

test("looking at a ticket asks for a snapshot once", () => {
  const { sent, room } = after([
    welcome({ tickets: [ticket()] }),
    { type: "look", ticket: 7 },
    { type: "look", ticket: 7 },
  ]);
  assert.deepEqual(sent, [{ type: "open", ticket: 7, after: -1, epoch: "life" }]);
  assert.equal(room.opening, true);
});

test("a change appends its items and patches the ticket", () => {
  const { room, sent } = after([...opened(), changed(4, 1, { agent: "Ana", unread: 1 })]);
  assert.deepEqual(seqs(room), [1, 2, 3, 4]);
  assert.equal(room.view.agent, "Ana");
  assert.equal(room.view.version, 2);
  assert.deepEqual(sent, []);
});

test("the same change twice is one change", () => {
  const { room } = after([...opened(), changed(4, 1), changed(4, 1)]);
  assert.deepEqual(seqs(room), [1, 2, 3, 4]);
});

test("a change that skips one asks for all anew and changes nothing before the answer", () => {
  const { room, sent } = after([...opened(), changed(5, 2), changed(6, 3)]);
  assert.deepEqual(seqs(room), [1, 2, 3]);
  assert.equal(room.view.version, 1);
  assert.deepEqual(sent, [{ type: "open", ticket: 7, after: -1, epoch: "life" }]);
});

test("a snapshot that was made before the last change does not take it back", () => {
  const { room } = after([
    ...opened(),
    changed(4, 1, { agent: "Ana" }),
    {
      type: "snapshot",
      view: ticket({ last_seq: 3 }),
      items: [message(1), message(2), message(3)],
      more: false,
    },
  ]);
  assert.deepEqual(seqs(room), [1, 2, 3, 4]);
  assert.equal(room.view.agent, "Ana");
});

test("a whole view with a gap in its items asks only for what is missing", () => {
  const { room, sent } = after([
    ...opened(),
    {
      type: "changed",
      ticket: 7,
      base: 3,
      version: 4,
      items: [message(6)],
      view: ticket({ version: 4, last_seq: 6 }),
    },
  ]);
  assert.deepEqual(sent, [{ type: "open", ticket: 7, after: 3, epoch: "life" }]);
  const healed = after([{ type: "items", ticket: 7, items: [message(4), message(5)], more: false }], {
    ...EMPTY,
    rooms: new Map([[7, room]]),
  });
  assert.deepEqual(seqs(healed.room), [1, 2, 3, 4, 5, 6]);
  assert.equal(healed.room.opening, false);
});

test("pages of a replay may arrive around live changes", () => {
  const { room, sent } = after([
    ...opened(),
    welcome({ tickets: [ticket({ last_seq: 6, version: 5 })] }),
    { type: "items", ticket: 7, items: [message(4)], more: true },
    changed(7, 5),
    { type: "items", ticket: 7, items: [message(5), message(6)], more: false },
  ]);
  assert.deepEqual(seqs(room), [1, 2, 3, 4, 5, 6, 7]);
  assert.deepEqual(sent, [{ type: "open", ticket: 7, after: 3, epoch: "life" }]);
});

test("a reconnect asks for nothing when nothing was missed", () => {
  const { sent } = after([...opened(), welcome({ tickets: [ticket({ last_seq: 3 })] })]);
  assert.deepEqual(sent, []);
});

test("another life of the database replaces what was learned in the one before", () => {
  const { room, sent } = after([
    ...opened(),
    welcome({ epoch: "restored", tickets: [ticket({ last_seq: 2, version: 1 })] }),
    { type: "snapshot", view: ticket({ last_seq: 2 }), items: [message(1), message(2)], more: false },
  ]);
  assert.deepEqual(sent, [{ type: "open", ticket: 7, after: -1, epoch: "restored" }]);
  assert.deepEqual(seqs(room), [1, 2]);
  assert.equal(room.stale, false);
});

test("somebody else's welcome leaves nothing of the one before", () => {
  const { state } = after([
    ...opened(),
    { type: "written", frame: say("secret"), files: [], at: 1, code: "" },
    welcome({ who: "somebody-else", customer: { ...welcome().customer, id: 2 } }),
  ]);
  assert.equal(state.rooms.size, 0);
  assert.equal(state.pending.length, 0);
});

test("a visitor who gets an id with the first ticket is still the same person", () => {
  const visitor = { ...welcome().customer, id: 0 };
  const { state, room } = after([
    welcome({ customer: visitor }),
    ...opened().slice(1),
    { type: "written", frame: say("still mine"), files: [], at: 1, code: "" },
    welcome({ tickets: [ticket({ last_seq: 3 })] }),
  ]);
  assert.deepEqual(seqs(room), [1, 2, 3]);
  assert.equal(state.pending.length, 1);
});

test("a pending message becomes the stored one, whichever of acknowledgement and event comes first", () => {
  const frame = say("hola");
  const own: CustomerServerFrame = {
    type: "changed",
    ticket: 7,
    base: 1,
    version: 2,
    items: [message(4, { by: "customer", cid: frame.cid, text: "hola" })],
    patch: { last_seq: 4 },
  };
  const ack: CustomerServerFrame = { type: "ack", cid: frame.cid, ticket: 7, seq: 4 };
  const written: LocalEvent = { type: "written", frame, files: [], at: 1, code: "" };
  for (const order of [
    [ack, own],
    [own, ack],
    [own, ack, ack],
  ]) {
    const { state, room } = after([...opened(), written, ...order]);
    assert.deepEqual(state.pending, []);
    assert.equal(room.items.filter((item) => item.cid === frame.cid).length, 1);
  }
  const acked = after([...opened(), written, ack]);
  assert.deepEqual(
    acked.state.pending.map((one) => one.sign),
    ["sent"],
  );
  const rows = thread(acked.room, acked.state.pending, () => true);
  const bubbles = rows.flatMap((row) => (row.type === "group" ? row.bubbles : []));
  assert.equal(bubbles.filter((bubble) => bubble.text === "hola").length, 1);
});

test("a refused message shows its code, and waits again after another try", () => {
  const frame = say("hola");
  const events: (CustomerServerFrame | LocalEvent)[] = [
    ...opened(),
    { type: "written", frame, files: [], at: 1, code: "" },
    { type: "error", code: "ticket_closed", verb: "say", cid: frame.cid, ticket: 7 },
  ];
  const { state } = after(events);
  assert.deepEqual([state.pending[0]?.sign, state.pending[0]?.code], ["failed", "ticket_closed"]);
  const again = after([...events, { type: "again", cid: frame.cid }]);
  assert.equal(again.state.pending[0]?.sign, "waiting");
});

test("a new ticket needs no snapshot: its change begins with the first item", () => {
  const { room, sent } = after([
    welcome(),
    {
      type: "changed",
      ticket: 7,
      base: 0,
      version: 1,
      items: [message(1, { kind: "opened", by: "customer" })],
      view: ticket({ last_seq: 1 }),
    },
    { type: "look", ticket: 7 },
  ]);
  assert.equal(room.loaded, true);
  assert.deepEqual(sent, []);
});

test("earlier messages are asked for once and go before what is there", () => {
  const { room, sent } = after([
    welcome({ tickets: [ticket({ last_seq: 4 })] }),
    { type: "snapshot", view: ticket({ last_seq: 4 }), items: [message(3), message(4)], more: true },
    { type: "earlier", ticket: 7 },
    { type: "earlier", ticket: 7 },
    { type: "items", ticket: 7, items: [message(1), message(2)], more: false, back: true },
  ]);
  assert.deepEqual(sent, [{ type: "history", ticket: 7, before: 3 }]);
  assert.deepEqual(seqs(room), [1, 2, 3, 4]);
  assert.equal(room.more, false);
});

test("typing expires after six seconds and ends with the message", () => {
  const typing: CustomerServerFrame = { type: "typing", ticket: 7, name: "Ana" };
  assert.deepEqual(after([...opened(), typing]).room.typing, { name: "Ana", until: 16_000 });
  assert.equal(after([...opened(), typing, changed(4, 1)]).room.typing, null);
  assert.equal(after([...opened(), typing, { type: "typing", ticket: 7, on: false }]).room.typing, null);
});

test("unread counts add up over all tickets", () => {
  const { state } = after([welcome({ tickets: [ticket({ unread: 2 }), ticket({ id: 8, unread: 3 })] })]);
  assert.equal(unreadTotal(state), 5);
});

test("old snapshot and events give the fresh snapshot", () => {
  const fresh = ticket({ last_seq: 5, version: 3, agent: "Ana" });
  const live = after([...opened(), changed(4, 1, { agent: "Ana" }), changed(5, 2)]).room;
  const read = after([
    welcome({ tickets: [fresh] }),
    { type: "snapshot", view: fresh, items: [1, 2, 3, 4, 5].map((seq) => message(seq)), more: false },
  ]).room;
  assert.deepEqual(live, read);
});

test("who is in copy has a group of their own, which is not the customer's nor an agent's", () => {
  const view = ticket();
  const items = [
    message(1, { by: "customer", cid: "a", name: "" }),
    message(2, { by: "system", name: "Ana" }),
    message(3, { by: "agent", name: "Ana" }),
    message(4, { by: "system", name: "Luis" }),
  ];
  const { room } = after([welcome({ tickets: [view] }), { type: "snapshot", view, items, more: false }]);
  assert.deepEqual(
    thread(room, [], () => true).map(
      (row) => row.type === "group" && [row.by, row.name, row.bubbles[0]?.sign],
    ),
    [
      false,
      ["customer", "", "sent"],
      ["system", "Ana", null],
      ["agent", "Ana", null],
      ["system", "Luis", null],
    ],
  );
});

test("messages are grouped by author and minute under their days", () => {
  const minute = 60_000;
  const view = ticket({ agent_seen: 2 });
  const items = [
    message(1, { at: minute, by: "customer", cid: "a" }),
    message(2, { at: minute + 5, by: "customer", cid: "b" }),
    message(3, { at: 2 * minute, by: "customer", cid: "c" }),
    message(4, { at: 2 * minute + 1 }),
    message(5, { at: 2 * minute + 2, kind: "closed", by: "system" }),
  ];
  const { room } = after([welcome({ tickets: [view] }), { type: "snapshot", view, items, more: false }]);
  const rows = thread(room, [], () => true);
  assert.deepEqual(
    rows.map((row) => (row.type === "group" ? row.bubbles.map((bubble) => bubble.sign) : row.type)),
    ["day", ["seen", "seen"], ["sent"], [null], "event"],
  );
});
