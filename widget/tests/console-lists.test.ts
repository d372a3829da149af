import assert from "node:assert/strict";
import { test } from "node:test";
import { type Desk, EMPTY, receive } from "../src/console/state/desk";
import { calendarDay, grouped, latest, within } from "../src/console/state/groups";
import { calling, claimable, customersTickets, lists, load, unread } from "../src/console/state/lists";
import type { AgentTicket, NoteView } from "../src/wire";
import { clock, given, item, ME, ticket, waiting, welcome } from "./console-fixtures";

const desk = (...tickets: AgentTicket[]): Desk => receive(EMPTY, welcome(tickets), 0, null).desk;
const ids = (tickets: readonly AgentTicket[]) => tickets.map(({ id }) => id);

test("who waits longest comes first", () => {
  assert.deepEqual(ids(lists(desk(waiting(1, 300), waiting(2, 100), waiting(3, 200))).waiting), [2, 3, 1]);
});

test("a chat that came back to the queue goes first although it has waited a short time", () => {
  assert.deepEqual(ids(lists(desk(waiting(1, 100), waiting(2, 900, -5))).waiting), [2, 1]);
});

test("equal in all else, the earlier ticket comes first", () => {
  assert.deepEqual(ids(lists(desk(waiting(8, 100), waiting(5, 100))).waiting), [5, 8]);
});

test("my chats are those that I attend, who waits for my answer first", () => {
  const mine = { agent_id: ME.id };
  const found = lists(
    desk(
      ticket({ id: 1, ...mine, assigned_at: 10, clock: clock("customer") }),
      ticket({ id: 2, ...mine, assigned_at: 30, clock: clock("agent") }),
      ticket({ id: 3, ...mine, assigned_at: 20, clock: clock("agent") }),
      ticket({ id: 4, agent_id: 99 }),
      ticket({ id: 5, ...mine, state: "closed" }),
    ),
  );
  assert.deepEqual(ids(found.mine), [3, 2, 1]);
});

test("requests are open ones for later that nobody has, or that I have, oldest first", () => {
  const later = { mode: "later" } as const;
  const found = lists(
    desk(
      ticket({ id: 1, ...later, opened_at: 50 }),
      ticket({ id: 2, ...later, opened_at: 20, agent_id: ME.id }),
      ticket({ id: 3, ...later, agent_id: 99 }),
      ticket({ id: 4, ...later, state: "closed" }),
    ),
  );
  assert.deepEqual(ids(found.requests), [2, 1]);
  assert.deepEqual(ids(found.mine), []);
});

test("a customer's other tickets are as they were read, or as was heard since", () => {
  const one = ticket({ id: 4, version: 1 });
  const other = { customer: { ...one.customer, id: 2 } };
  const page = (tickets: AgentTicket[], open: boolean) =>
    ({ type: "tickets", customer: 1, tickets, more: false, open }) as const;
  const closed = { state: "closed" } as const;
  const read = [
    page([ticket({ id: 7, version: 3 }), ticket({ id: 6 }), one], true),
    page([ticket({ id: 2, ...closed })], false),
  ];
  // 6 was closed since, 7 was read later than it was heard of, 8 is new, 9 is somebody else's.
  const heard = [
    one,
    ticket({ id: 6, version: 2, ...closed }),
    ticket({ id: 7, version: 2, ...closed }),
    ticket({ id: 8 }),
    ticket({ id: 9, ...other }),
  ];
  const now = read.reduce((held, frame) => receive(held, frame, 0, null).desk, desk(...heard));
  assert.deepEqual(ids(customersTickets(now, "open", one)), [8, 7]);
  assert.deepEqual(ids(customersTickets(now, "earlier", one)), [6, 2]);
});

test("nothing is listed before the first welcome", () => {
  const total = { waiting: 0, mine: 0, requests: 0 };
  assert.deepEqual(lists(EMPTY), { waiting: [], mine: [], requests: [], total });
});

test("requests do not count against the capacity, chats do", () => {
  assert.equal(load(desk(given(1), given(2), ticket({ id: 3, mode: "later", agent_id: ME.id }))), 2);
});

test("only what is mine counts as unread", () => {
  assert.equal(
    unread(desk(given(1, { unread: 2 }), ticket({ id: 2, mode: "later", unread: 5 }), waiting(3, 1))),
    2,
  );
});

test("what calls an agent in whatever section is who waits and what is unread of their own", () => {
  const theirs = ticket({ id: 4, agent_id: 99, unread: 3 });
  assert.equal(calling(desk(given(1, { unread: 2 }), waiting(2, 1), waiting(3, 2), theirs)), 4);
  assert.equal(calling(desk(given(1))), 0);
});

test("Tomar is offered for who waits and for requests nobody has", () => {
  assert.equal(claimable(waiting(1, 1)), true);
  assert.equal(claimable(ticket({ id: 1, mode: "later" })), true);
  assert.equal(claimable(ticket({ id: 1, mode: "later", agent_id: 99 })), false);
  assert.equal(claimable(ticket({ id: 1, state: "closed", mode: "later" })), false);
  assert.equal(claimable(given(1)), false);
});

test("people in copy are a run each, by who they are and by name", () => {
  const entries = grouped(
    [
      item(1, { at: 1 }),
      item(2, { at: 2, by: "system", name: "Luis", author: 4 }),
      item(3, { at: 3, by: "system", name: "Luis", author: 4 }),
      item(4, { at: 4, by: "system", name: "Eva", author: 5 }),
      item(5, { at: 5, by: "system", name: "Eva", author: 6 }),
      item(6, { at: 6, by: "agent", name: "Eva", author: 6 }),
      item(7, { at: 7, by: "system", name: "Leo <leo@x.test>" }),
      item(8, { at: 8, by: "system", name: "Ada <ada@x.test>" }),
    ],
    () => 0,
  );
  assert.deepEqual(
    entries.map((entry) => (entry.kind === "run" ? entry.items.map(({ seq }) => seq) : entry.kind)),
    ["day", [1], [2, 3], [4], [5], [6], [7], [8]],
  );
});

test("messages of one author within three minutes are one run, with a heading per day", () => {
  const noon = new Date(2026, 2, 9, 12).getTime();
  const next = new Date(2026, 2, 10, 9).getTime();
  const entries = grouped(
    [
      item(1, { at: noon, kind: "opened" }),
      item(2, { at: noon }),
      item(3, { at: noon + 180_000 }),
      item(4, { at: noon + 180_001, by: "agent", author: 7 }),
      item(5, { at: noon + 180_002, by: "agent", author: 8 }),
      item(6, { at: noon + 180_003, kind: "proposal", by: "agent", author: 8 }),
      item(7, { at: next, by: "agent", author: 8 }),
    ],
    calendarDay,
  );
  assert.deepEqual(
    entries.map((entry) => (entry.kind === "run" ? entry.items.map(({ seq }) => seq) : entry.kind)),
    ["day", "event", [2, 3], [4], [5, 6], "day", [7]],
  );
});

test("notes stand between the messages by their time, and break a run", () => {
  const note = (seq: number, at: number) => ({ seq, at, author: 7, name: "Ana", text: "", cid: "" });
  const items = [item(4, { at: 10 }), item(5, { at: 20 }), item(6, { at: 30 })];
  const notes = [note(1, 5), note(2, 10), note(3, 25), note(4, 40)];
  const drawn = (shown: readonly NoteView[]) =>
    grouped(items, () => 0, shown).map((entry) =>
      entry.kind === "run"
        ? entry.items.map(({ seq }) => seq)
        : entry.kind === "note"
          ? entry.key
          : entry.kind,
    );
  assert.deepEqual(drawn(notes), ["day", "n1", [4], "n2", [5], "n3", [6], "n4"]);
  assert.deepEqual(drawn(within(notes, items, true)), ["day", [4], "n2", [5], "n3", [6], "n4"]);
  assert.deepEqual(within(notes, items, false), notes);
});

test("of a thousand notes the last hundred are drawn with the messages between them, and a press brings a hundred more", () => {
  const note = (seq: number, at: number) => ({ seq, at, author: 7, name: "Ana", text: "", cid: "" });
  const notes = Array.from({ length: 1000 }, (_, index) => note(index + 1, 10 * (index + 1)));
  const items = [item(1, { at: 5 }), item(2, { at: 9000 }), item(3, { at: 9995 })];
  const numbers = (most: number) => {
    const { items: said, notes: noted, before } = latest(items, notes, most);
    return { said: said.map(({ seq }) => seq), from: noted[0]?.seq, to: noted.at(-1)?.seq, before };
  };
  // 3 was said between the last two notes; 2 at the moment of the 900th, which stands below it.
  assert.deepEqual(numbers(100), { said: [3], from: 902, to: 1000, before: 903 });
  assert.deepEqual(numbers(102), { said: [3], from: 900, to: 1000, before: 901 });
  assert.deepEqual(numbers(103), { said: [2, 3], from: 900, to: 1000, before: 900 });
  assert.deepEqual(numbers(200), { said: [2, 3], from: 803, to: 1000, before: 803 });
  assert.deepEqual(numbers(2000), { said: [1, 2, 3], from: 1, to: 1000, before: 0 });
  // Each on a day of its own, and no run: two elements each.
  const { items: said, notes: noted } = latest(items, notes, 100);
  assert.equal(grouped(said, (at) => at, noted).length, 200);
});

test("a conversation shorter than that is drawn whole", () => {
  assert.deepEqual(latest([], [], 100), { items: [], notes: [], before: 0 });
  const items = [item(1, { at: 5 }), item(2, { at: 6 })];
  assert.deepEqual(latest(items, [], 2), { items, notes: [], before: 0 });
  assert.deepEqual(latest(items, [], 1), { items: items.slice(1), notes: [], before: 1 });
});
