import assert from "node:assert/strict";
import { test } from "node:test";
import { Stop } from "../src/connection";
import type { CustomerFrame } from "../src/wire";
import { customerLine, FakeStore, say, settle, welcome } from "./fakes";

test("the first frame is the hello, and the welcome makes the line live on the server's clock", async () => {
  const { connection, timers, goLive } = customerLine();
  const socket = await goLive();
  assert.equal(socket.sent[0]?.type, "hello");
  assert.equal(connection.status.value.phase, "live");
  assert.equal(connection.status.value.downSince, null);
  assert.equal(connection.now(), 5_000_000);
  await timers.elapse(1_000);
  assert.equal(connection.now(), 5_001_000);
});

test("what was written goes out one at a time and in order", async () => {
  const { connection, goLive } = customerLine();
  const [one, two] = [say("one"), say("two")];
  connection.post(one);
  connection.post(two);
  const socket = await goLive();
  assert.deepEqual(socket.sentOf("say"), [one]);
  socket.hears({ type: "ack", cid: one.cid, ticket: 7, seq: 1 });
  assert.deepEqual(socket.sentOf("say"), [one, two]);
});

test("a lost acknowledgement means the same frame again, with the same cid, before anything later", async () => {
  const { connection, timers, goLive, last } = customerLine();
  const socket = await goLive();
  const [one, two] = [say("one"), say("two")];
  connection.post(one);
  connection.post(two);
  socket.drops(1006);
  await timers.elapse(500);
  last().opens();
  last().hears(welcome());
  assert.notEqual(last(), socket);
  assert.deepEqual(last().sentOf("say"), [one]);
  last().hears({ type: "ack", cid: one.cid, ticket: 7, seq: 1 });
  assert.deepEqual(last().sentOf("say"), [one, two]);
});

test("an unacknowledged message survives a reload and goes before what is written since", async () => {
  const store = new FakeStore();
  const before = customerLine(store);
  await before.goLive();
  const old = say("written before the reload");
  before.connection.post(old);

  const after = customerLine(store);
  const fresh = say("written after");
  after.connection.post(fresh);
  after.connection.restore([...store.kept.values()].filter((entry) => entry.cid === old.cid));
  const socket = await after.goLive();
  socket.hears({ type: "ack", cid: old.cid, ticket: 7, seq: 1 });
  socket.hears({ type: "ack", cid: fresh.cid, ticket: 7, seq: 2 });
  assert.deepEqual(socket.sentOf("say"), [old, fresh]);
  assert.equal(store.kept.size, 0);
});

test("what other pages wrote goes where it belongs by the time when it was written, and what waits already stays once", async () => {
  const { connection, goLive } = customerLine();
  const [first, second, third] = [say("first"), say("second"), say("third")];
  connection.post(first);
  connection.post(third);
  const [one, three] = connection.restore([]).map(({ order }) => order) as [number, number];
  const between = { cid: second.cid, frame: second, order: (one + three) / 2, error: "" };
  const known = { cid: first.cid, frame: first, order: one, error: "" };
  const all = connection.restore([between, known]).map(({ frame }) => frame);
  assert.deepEqual(all, [first, second, third]);
  const socket = await goLive();
  for (const { cid } of [first, second, third]) socket.hears({ type: "ack", cid, ticket: 7, seq: 1 });
  assert.deepEqual(socket.sentOf("say"), [first, second, third]);
});

test("a refused message stays with its code, lets the next one pass, and goes again when the person says so", async () => {
  const { connection, goLive, store, received } = customerLine();
  const socket = await goLive();
  const [one, two] = [say("one"), say("two")];
  connection.post(one);
  connection.post(two);
  socket.hears({ type: "error", code: "ticket_closed", verb: "say", cid: one.cid, ticket: 7 });
  assert.equal(store.kept.get(one.cid)?.error, "ticket_closed");
  assert.equal(received[received.length - 1]?.type, "error");
  assert.deepEqual(socket.sentOf("say"), [one, two]);
  socket.hears({ type: "ack", cid: two.cid, ticket: 7, seq: 1 });
  connection.retry(one.cid);
  assert.deepEqual(socket.sentOf("say"), [one, two, one]);
});

test("who is asked for patience waits that long, keeps the order and bothers nobody", async () => {
  const { connection, timers, goLive, received } = customerLine();
  const socket = await goLive();
  const [one, two] = [say("one"), say("two")];
  connection.post(one);
  connection.post(two);
  socket.hears({ type: "error", code: "rate_limited", verb: "say", cid: one.cid, retry_after: 3 });
  await timers.elapse(2_900);
  assert.deepEqual(socket.sentOf("say"), [one]);
  await timers.elapse(200);
  assert.deepEqual(socket.sentOf("say"), [one, one]);
  assert.ok(!received.some((frame) => frame.type === "error"));
});

test("what cannot be stored just now goes out again for as long as it takes, in order, and bothers nobody", async () => {
  const { connection, timers, goLive, received, store } = customerLine();
  const socket = await goLive();
  const [one, two] = [say("one"), say("two")];
  connection.post(one);
  connection.post(two);
  connection.ask({ type: "end", ticket: 8 });
  for (let tries = 1; tries <= 20; tries++) {
    assert.equal(socket.sentOf("say").length, tries);
    assert.equal(socket.sentOf("end").length, tries);
    socket.hears({
      type: "error",
      code: "unavailable",
      verb: "say",
      cid: one.cid,
      ticket: 7,
      retry_after: 2,
    });
    socket.hears({ type: "error", code: "unavailable", verb: "end", ticket: 8, retry_after: 2 });
    await timers.elapse(2_100);
  }
  socket.hears({ type: "ack", cid: one.cid, ticket: 7, seq: 1 });
  assert.deepEqual(socket.sentOf("say").at(-1), two);
  assert.deepEqual([...store.kept.keys()], [two.cid]);
  assert.ok(!received.some((frame) => frame.type === "error"));
});

test("a server that can store nothing is told of as a connection that is down, and the connection goes on", async () => {
  const { connection, timers, goLive } = customerLine();
  const socket = await goLive();
  assert.equal(connection.status.value.downSince, null);
  const since = timers.now();
  socket.hears({ type: "storing", on: false });
  assert.deepEqual([connection.status.value.phase, connection.status.value.downSince], ["live", since]);
  connection.post(say("typed meanwhile"));
  assert.equal(socket.sentOf("say").length, 1);
  socket.hears({ type: "storing", on: true });
  assert.deepEqual([connection.status.value.phase, connection.status.value.downSince], ["live", null]);
});

test("a reading that came too fast is asked again when the server said, and bothers nobody", async () => {
  const { connection, timers, goLive, received } = customerLine();
  const socket = await goLive();
  connection.send({ type: "open", ticket: 7, after: 3, epoch: "e" });
  connection.send({ type: "history", ticket: 7, before: 9 });
  socket.hears({ type: "error", code: "rate_limited", verb: "open", ticket: 7, retry_after: 2 });
  socket.hears({ type: "error", code: "rate_limited", verb: "history", ticket: 7, retry_after: 2 });
  connection.send({ type: "history", ticket: 7, before: 5 });
  await timers.elapse(1_900);
  assert.equal(socket.sentOf("open").length, 1);
  await timers.elapse(200);
  const open = { type: "open", ticket: 7, after: 3, epoch: "e" };
  assert.deepEqual(socket.sentOf("open"), [open, open]);
  assert.equal(socket.sentOf("history").length, 2, "a newer one took its place");
  assert.ok(!received.some((frame) => frame.type === "error"));
});

test("a verb that was asked for while nothing got through obeys the server too", async () => {
  const { connection, timers, goLive } = customerLine();
  connection.ask({ type: "end", ticket: 7 });
  const socket = await goLive();
  socket.hears({ type: "error", code: "rate_limited", verb: "end", ticket: 7, retry_after: 1 });
  await timers.elapse(1_100);
  assert.equal(socket.sentOf("end").length, 2);
});

test("a verb without a cid is repeated after a reconnect until it is done", async () => {
  const { connection, timers, goLive, last } = customerLine();
  const socket = await goLive();
  connection.ask({ type: "end", ticket: 7 });
  assert.equal(socket.sentOf("end").length, 1);
  socket.drops(4005);
  await timers.elapse(500);
  last().opens();
  last().hears(welcome());
  assert.equal(last().sentOf("end").length, 1);
  last().hears({ type: "done", verb: "end", ticket: 7 });
  last().drops(4005);
  await timers.elapse(1_000);
  last().opens();
  last().hears(welcome());
  assert.equal(last().sentOf("end").length, 0);
});

test("typing and seen are never kept for later", async () => {
  const { connection, goLive } = customerLine();
  assert.equal(connection.send({ type: "typing", ticket: 7 }), false);
  const socket = await goLive();
  assert.equal(socket.sentOf("typing").length, 0);
});

test("two heartbeats without an answer end the connection, and a new one is dialled", async () => {
  const { connection, timers, goLive, sockets } = customerLine();
  const socket = await goLive();
  await timers.elapse(50_000);
  assert.equal(socket.sentOf("ping").length, 2);
  assert.equal(connection.status.value.phase, "live");
  await timers.elapse(25_000);
  assert.equal(socket.closedWith, 4003);
  await timers.elapse(500);
  assert.equal(sockets.length, 2);
});

test("an answered heartbeat keeps the connection for as long as it goes on", async () => {
  const { connection, timers, goLive } = customerLine();
  const socket = await goLive();
  for (let i = 0; i < 10; i++) {
    await timers.elapse(25_000);
    socket.hears({ type: "pong", now: 5_000_000 + (i + 1) * 25_000 });
  }
  assert.equal(connection.status.value.phase, "live");
  assert.equal(connection.now(), 5_250_000);
});

test("waiting grows from half a second to thirty, drawn over its whole width, and never ends", async () => {
  const { timers, connection, sockets, last } = customerLine();
  connection.start();
  await settle();
  const waits: number[] = [];
  for (let i = 0; i < 9; i++) {
    last().opens();
    last().drops(1006);
    const from = timers.now();
    const { length } = sockets;
    while (sockets.length === length) await timers.elapse(50);
    waits.push(timers.now() - from);
  }
  assert.deepEqual(waits, [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
});

test("a close code from 4500 on stops, with the reason the server gave", async () => {
  const { connection, timers, goLive, sockets } = customerLine();
  const socket = await goLive();
  socket.hears({ type: "error", code: "token_expired" });
  socket.drops(4501);
  assert.deepEqual(
    [connection.status.value.phase, connection.status.value.code, connection.status.value.reason],
    ["stopped", 4501, "token_expired"],
  );
  await timers.elapse(600_000);
  assert.equal(sockets.length, 1);
  connection.start();
  await settle();
  assert.equal(sockets.length, 2);
});

test("a goodbye's time is kept, also when the network comes back meanwhile", async () => {
  const { connection, timers, goLive, sockets } = customerLine();
  const socket = await goLive();
  socket.hears({ type: "goaway", retry_after: 7 });
  socket.drops(4001);
  connection.wake();
  await timers.elapse(6_900);
  assert.equal(sockets.length, 1);
  await timers.elapse(200);
  assert.equal(sockets.length, 2);
});

test("who is turned away for the crowd comes back at the moment that was given, and is not stopped", async () => {
  const { connection, timers, sockets, last } = customerLine();
  connection.start();
  await settle();
  last().opens();
  last().hears({ type: "error", code: "rate_limited", verb: "hello", retry_after: 21.5 });
  last().drops(4004);
  assert.equal(connection.status.value.phase, "waiting");
  connection.wake();
  await timers.elapse(21_400);
  assert.equal(sockets.length, 1);
  await timers.elapse(200);
  assert.equal(sockets.length, 2);
});

test("waking up dials at once when down, and asks for a sign of life when live", async () => {
  const { connection, timers, goLive, sockets, last } = customerLine();
  const socket = await goLive();
  connection.wake();
  assert.equal(socket.sentOf("ping").length, 1);
  await timers.elapse(5_000);
  assert.equal(connection.status.value.phase, "waiting");
  await timers.elapse(0);
  timers.sleep(200);
  const now = timers.now();
  connection.wake();
  await settle();
  assert.equal(sockets.length, 2);
  assert.notEqual(last(), socket);
  assert.equal(connection.status.value.downSince, now);
});

test("a computer that slept dials at once: when somebody looks, or when its timers find out", async () => {
  for (const wakes of ["looked at", "timers"]) {
    const { connection, timers, goLive, sockets } = customerLine();
    const socket = await goLive();
    timers.sleep(3 * 3_600_000);
    if (wakes === "looked at") connection.wake();
    await timers.elapse(0);
    assert.equal(socket.closedWith, 1000, wakes);
    assert.equal(socket.sentOf("ping").length, 0, wakes);
    assert.equal(sockets.length, 2, wakes);
  }
});

test("the timers of a hidden page, late by a minute, have not slept", async () => {
  const { timers, goLive, sockets } = customerLine();
  const socket = await goLive();
  timers.sleep(85_000);
  await timers.elapse(0);
  assert.equal(socket.sentOf("ping").length, 1);
  assert.equal(sockets.length, 1);
});

test("a first frame that cannot be made is a failed attempt, and Stop gives up", async () => {
  let fails = true;
  const { connection, timers, sockets } = customerLine(new FakeStore(), () =>
    fails ? Promise.reject(new Error("offline")) : Promise.reject(new Stop(4502)),
  );
  connection.start();
  await settle();
  assert.equal(connection.status.value.phase, "waiting");
  fails = false;
  await timers.elapse(500);
  assert.deepEqual([connection.status.value.phase, connection.status.value.code], ["stopped", 4502]);
  assert.equal(sockets.length, 0);
});

test("a first frame that comes too late opens nothing", async () => {
  let come: (frame: CustomerFrame) => void = () => {};
  const { connection, sockets } = customerLine(
    new FakeStore(),
    () =>
      new Promise((resolve) => {
        come = resolve;
      }),
  );
  connection.start();
  connection.end();
  come({ type: "hello", v: 1, app: "demo" });
  await settle();
  assert.equal(sockets.length, 0);
});

test("an unanswered message is a dead connection", async () => {
  const { connection, timers, goLive } = customerLine();
  const socket = await goLive();
  connection.post(say("hello?"));
  await timers.elapse(25_000);
  socket.hears({ type: "pong", now: 5_025_000 });
  await timers.elapse(5_000);
  assert.equal(socket.closedWith, 4003);
});
