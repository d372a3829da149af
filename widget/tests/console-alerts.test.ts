import assert from "node:assert/strict";
import { test } from "node:test";
import { about, alerts, audible, unseen } from "../src/console/state/alerts";
import { asking, type Desk, EMPTY, receive } from "../src/console/state/desk";
import { unread, unreadNotes } from "../src/console/state/lists";
import type { AgentTicket } from "../src/wire";
import { changed, given, ME, ticket, waiting, welcome } from "./console-fixtures";

const desk = (...tickets: AgentTicket[]): Desk => receive(EMPTY, welcome(tickets), 0, null).desk;
const after = (before: Desk, ...frames: Parameters<typeof receive>[1][]) =>
  frames.reduce((now, frame) => receive(now, frame, 0, null).desk, before);
const kinds = (before: Desk, now: Desk) =>
  alerts(before, now).map((alert) => `${alert.kind} ${about(alert)}`);

test("the first list after signing in rings for nobody", () => {
  assert.deepEqual(alerts(EMPTY, desk(waiting(1, 1), given(2))), []);
});

test("somebody new in the queue rings", () => {
  const before = desk();
  assert.deepEqual(kinds(before, after(before, changed(1, 0, 1, { view: waiting(1, 5) }))), ["waiting 1"]);
});

test("who waited before does not ring again when something else about them changes", () => {
  const before = desk(waiting(1, 5));
  assert.deepEqual(kinds(before, after(before, changed(1, 1, 2, { patch: { subject: "otro" } }))), []);
});

test("a chat that came back to the queue rings again", () => {
  const before = desk(ticket({ id: 1, agent_id: 99 }));
  const back = changed(1, 1, 2, { patch: { waiting: true, agent_id: null, queued_at: 9 } });
  assert.deepEqual(kinds(before, after(before, back)), ["waiting 1"]);
});

test("a chat that was given to me rings", () => {
  const before = desk(waiting(1, 5));
  const now = after(before, changed(1, 1, 2, { view: given(1, { version: 2 }) }));
  assert.deepEqual(kinds(before, now), ["assigned 1"]);
});

test("a chat that I took myself does not", () => {
  const before = asking(desk(waiting(1, 5)), "claim", 1);
  const now = after(before, changed(1, 1, 2, { view: given(1, { version: 2 }) }));
  assert.deepEqual(kinds(before, now), []);
});

test("a chat that another agent took does not", () => {
  const before = desk(waiting(1, 5));
  const taken = changed(1, 1, 2, { patch: { waiting: false, queued_at: null, agent_id: 99 } });
  assert.deepEqual(kinds(before, after(before, taken)), []);
});

test("a new message in my chat rings, in another's not", () => {
  const before = desk(given(1, { seen: 2 }), ticket({ id: 2, agent_id: 99 }));
  const more = { patch: { unread: 1 } };
  assert.deepEqual(kinds(before, after(before, changed(1, 1, 2, more), changed(2, 1, 2, more))), [
    "message 1",
  ]);
});

test("reading rings for nobody", () => {
  const before = desk(given(1, { unread: 3 }));
  assert.deepEqual(kinds(before, after(before, changed(1, 1, 2, { patch: { unread: 0, seen: 2 } }))), []);
});

test("after a reconnect only what was not there before rings", () => {
  const before = desk(waiting(1, 5));
  assert.deepEqual(kinds(before, after(before, welcome([waiting(1, 5), waiting(2, 6)]))), ["waiting 2"]);
});

test("a chat given to me calls until I have seen it, or answered it", () => {
  const ids = (...tickets: AgentTicket[]) => unseen(desk(...tickets)).map(({ id }) => id);
  assert.deepEqual(ids(given(1)), [1]);
  assert.deepEqual(ids(given(1, { answer_due_at: null, reminded: true })), [1]);
  assert.deepEqual(ids(given(1, { seen: 2 })), []);
  assert.deepEqual(ids(given(1, { answer_due_at: null })), []);
  assert.deepEqual(ids(given(1, { state: "closed" })), []);
  assert.deepEqual(ids(given(1, { agent_id: ME.id + 1 })), []);
});

test("nothing sounds for the ticket that is before somebody's eyes, in whichever tab", () => {
  const alert = { kind: "message", ticket: given(1) } as const;
  assert.equal(audible(alert, new Map()), true, "hidden");
  assert.equal(audible(alert, new Map([["a", 0]])), true, "visible, nothing selected");
  assert.equal(audible(alert, new Map([["a", 2]])), true, "another ticket");
  assert.equal(
    audible(
      alert,
      new Map([
        ["a", 2],
        ["b", 1],
      ]),
    ),
    false,
    "this ticket in another tab",
  );
});

const noted = (of: number, seq: number, agent_id: number | null, mail = true) => ({
  type: "noted" as const,
  ticket: of,
  note: { seq, at: 5, author: 0, name: "luz@x.test", text: "Ojo", cid: `n${seq}`, mail },
  number: 1000 + of,
  subject: "Factura",
  agent_id,
});
const marks = (...notes: { ticket: number; seq: number; agent_id: number | null }[]) => ({
  type: "unread_notes" as const,
  notes: notes.map((one) => ({ ...one, number: 1000 + one.ticket, subject: "Factura" })),
});

test("a note by mail rings where I attend the ticket or nobody does, held or not", () => {
  const before = after(desk(given(1), ticket({ id: 2, agent_id: 99 })), marks());
  const now = after(before, noted(1, 1, ME.id), noted(2, 1, 99), noted(3, 4, null), noted(4, 1, 99));
  assert.deepEqual(kinds(before, now), ["note 1", "note 3"]);
  assert.deepEqual(
    unreadNotes(now).map(({ ticket }) => ticket),
    [1, 3],
  );
  assert.equal(unread(now), 2);
  // The same one told again, or an older one, is no news; the next one is.
  assert.deepEqual(kinds(now, after(now, noted(3, 4, null), noted(1, 1, ME.id))), []);
  assert.deepEqual(kinds(now, after(now, noted(1, 2, ME.id))), ["note 1"]);
});

test("who attends a ticket now is asked of the ticket, not of what was said of it then", () => {
  const before = after(desk(ticket({ id: 1, agent_id: 99 }), given(2)), marks());
  const now = after(before, noted(1, 1, null), noted(2, 1, 99));
  assert.deepEqual(kinds(before, now), ["note 2"]);
});

test("what agents note rings for nobody and marks nothing", () => {
  const before = after(desk(given(1)), marks());
  const now = after(before, noted(1, 1, ME.id, false));
  assert.deepEqual([kinds(before, now), now.unread?.size], [[], 0]);
});

test("notes that were there before signing in are marked and ring for nobody; those of an absence ring", () => {
  const before = desk(given(1), given(2));
  const now = after(before, marks({ ticket: 1, seq: 3, agent_id: ME.id }));
  assert.deepEqual([kinds(before, now), unread(now)], [[], 1]);
  const again = after(
    now,
    marks({ ticket: 1, seq: 3, agent_id: ME.id }, { ticket: 2, seq: 1, agent_id: ME.id }),
  );
  assert.deepEqual(kinds(now, again), ["note 2"]);
});

test("what was read by me or a colleague is no longer marked, a later note still is", () => {
  const before = after(desk(given(1)), marks(), noted(1, 2, ME.id));
  assert.equal(unread(after(before, { type: "notes_seen", ticket: 1, seq: 1 })), 1);
  const read = after(before, { type: "notes_seen", ticket: 1, seq: 2 });
  assert.equal(unread(read), 0);
  assert.deepEqual(kinds(before, read), []);
});

test("of a closed ticket no note is marked", () => {
  const before = after(desk(given(1)), marks(), noted(1, 2, ME.id));
  const closed = after(before, changed(1, 1, 2, { patch: { state: "closed" } }));
  assert.equal(unread(closed), 0);
});
