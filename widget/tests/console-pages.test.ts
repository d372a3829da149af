import assert from "node:assert/strict";
import { test } from "node:test";
import { alerts } from "../src/console/state/alerts";
import { type Desk, EMPTY, receive, turning } from "../src/console/state/desk";
import { lists } from "../src/console/state/lists";
import { FIRST } from "../src/console/state/pages";
import type { AgentTicket, AgentWelcome, DeskPage, Waits } from "../src/wire";
import { changed, given, ticket, waiting, welcome } from "./console-fixtures";

const ids = (tickets: readonly AgentTicket[]) => tickets.map(({ id }) => id);
const step = (desk: Desk, ...frames: Parameters<typeof receive>[1][]) =>
  frames.reduce((now, frame) => receive(now, frame, 0, null).desk, desk);

/** Signed in to a desk of which only this is held. */
function partly(tickets: AgentTicket[], total: Partial<Record<Waits, number>>): Desk {
  const { apps, ...rest } = welcome(tickets);
  const [app] = apps;
  assert.ok(app);
  const frame: AgentWelcome = {
    ...rest,
    apps: [{ ...app, ...total }],
    more: Object.keys(total) as Waits[],
  };
  return step(EMPTY, frame);
}

const page = (
  of: DeskPage["of"],
  end: { rank: number; after: number },
  tickets: AgentTicket[],
  more = false,
) => ({ type: "desk", of, ...end, tickets, more }) as const;

test("of a long queue the beginning is shown, and how long it is", () => {
  const { waiting: shown, total } = lists(partly([waiting(1, 10), waiting(2, 20)], { waiting: 900 }));
  assert.deepEqual(ids(shown), [1, 2]);
  assert.equal(total.waiting, 900);
});

test("the next page is asked for after the last one, once, and goes to its end", () => {
  const before = partly([waiting(1, 10), waiting(2, 20)], { waiting: 4 });
  const asking = turning(before, "waiting");
  assert.ok(asking);
  assert.deepEqual(asking.frame, { type: "desk", of: "waiting", rank: 20, after: 2 });
  assert.equal(turning(asking.desk, "waiting"), null);
  const next = page("waiting", { rank: 20, after: 2 }, [waiting(3, 20), waiting(4, 40)]);
  const found = step(asking.desk, next);
  assert.deepEqual(ids(lists(found).waiting), [1, 2, 3, 4]);
  assert.equal(turning(found, "waiting"), null, "all of it is held");
  assert.equal(turning(before, "requests"), null);
});

test("a page that answers another question is not taken for the next one", () => {
  const before = partly([waiting(1, 10)], { waiting: 9 });
  assert.deepEqual(ids(lists(step(before, page("waiting", FIRST, [waiting(7, 70)]))).waiting), [1]);
});

test("who comes beyond the last page is counted by the server and not shown before the others", () => {
  const before = partly([waiting(1, 10)], { waiting: 9 });
  const count = { type: "count", app: "facturas", waiting: 10, requests: 0 } as const;
  const now = step(before, changed(8, 0, 1, { view: waiting(8, 80) }), count);
  assert.deepEqual(ids(lists(now).waiting), [1]);
  assert.equal(lists(now).total.waiting, 10);
  assert.equal(now.tickets.has(8), false);
});

test("who comes back to the head of the queue is shown there", () => {
  const before = partly([waiting(1, 10)], { waiting: 9 });
  assert.deepEqual(ids(lists(step(before, changed(8, 4, 5, { view: waiting(8, 80, -5) }))).waiting), [8, 1]);
});

test("a change of somebody beyond the last page is nothing to ask about", () => {
  const { desk, send } = receive(
    partly([waiting(1, 10)], { waiting: 9 }),
    changed(8, 1, 2, { patch: { last_seq: 2 } }),
    0,
    null,
  );
  assert.deepEqual(send, []);
  assert.deepEqual([...desk.tickets.keys()], [1]);
});

test("who was heard of meanwhile stays as heard when a page brings an older state", () => {
  const before = partly([waiting(1, 10)], { waiting: 3 });
  const mine = given(2, { version: 5 });
  const now = step(
    before,
    changed(2, 4, 5, { view: mine }),
    page("waiting", { rank: 10, after: 1 }, [{ ...waiting(2, 20), version: 4 }, waiting(3, 30)]),
  );
  assert.deepEqual(ids(lists(now).waiting), [1, 3]);
  assert.deepEqual(ids(lists(now).mine), [2]);
});

test("requests are paged like the queue, and one's own are shown wherever they stand", () => {
  const later = { mode: "later" } as const;
  const own = given(9, { ...later, opened_at: 90 });
  const before = partly([own, ticket({ id: 1, ...later, opened_at: 10 })], { requests: 3 });
  assert.deepEqual(ids(lists(before).requests), [1, 9]);
  assert.equal(lists(before).total.requests, 4);
  const asking = turning(before, "requests");
  assert.deepEqual(asking?.frame, { type: "desk", of: "requests", ...FIRST, after: 1 });
  const next = page("requests", { ...FIRST, after: 1 }, [ticket({ id: 4, ...later, opened_at: 40 })]);
  assert.deepEqual(ids(lists(step(before, next)).requests), [1, 4, 9]);
});

test("an agent's own tickets that did not fit into the welcome come after it", () => {
  const now = step(step(EMPTY, welcome([given(1)])), page("mine", { rank: 0, after: 0 }, [given(2)]));
  assert.deepEqual(ids(lists(now).mine), [1, 2]);
});

test("nobody on a page is announced: they have waited before", () => {
  const before = partly([waiting(1, 10)], { waiting: 3 });
  const now = step(before, page("waiting", { rank: 10, after: 1 }, [waiting(2, 20), waiting(3, 30)]));
  assert.deepEqual(alerts(before, now), []);
  const back = step(before, changed(8, 4, 5, { view: waiting(8, 80, -5) }));
  assert.deepEqual(
    alerts(before, back).map(({ kind }) => kind),
    ["waiting"],
  );
});

test("with everything held the lists count themselves, at once", () => {
  const before = step(EMPTY, welcome([waiting(1, 10)]));
  const now = step(before, changed(2, 0, 1, { view: waiting(2, 20) }));
  assert.equal(lists(now).total.waiting, 2);
});

test("another welcome begins the lists anew", () => {
  const before = step(
    partly([waiting(1, 10)], { waiting: 2 }),
    page("waiting", { rank: 10, after: 1 }, [waiting(2, 20)]),
  );
  const now = step(before, { ...welcome([waiting(2, 20)]), more: ["waiting"] });
  assert.deepEqual(ids(lists(now).waiting), [2]);
  assert.deepEqual(turning(now, "waiting")?.frame, { type: "desk", of: "waiting", rank: 20, after: 2 });
});
