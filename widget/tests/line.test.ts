import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { FakeBrowser, type FakeRequest } from "./fake-http";
import { customerLine, say, settle, welcome } from "./fakes";

let browser: FakeBrowser;

beforeEach(() => {
  browser = new FakeBrowser().install();
});

const begun = { type: "line", id: "a-line-of-128-random-bits" };
const MINUTE = 60_000;

/** Two WebSockets that could not open: from here on the line is a stream. */
async function blocked(customer: ReturnType<typeof customerLine>): Promise<void> {
  customer.connection.start();
  await settle();
  customer.last().drops(1006);
  await customer.timers.elapse(500);
  customer.last().drops(1006);
  await customer.timers.elapse(0);
}

/** Welcomed over a stream. */
async function streaming(customer = customerLine()) {
  await blocked(customer);
  const stream = browser.last.opens();
  await stream.tells(begun, welcome());
  return { ...customer, stream };
}

/** Welcomed over polls; the first one waits. */
async function polling(customer = customerLine()) {
  await blocked(customer);
  await customer.timers.elapse(5_000);
  await customer.timers.elapse(1_000);
  await browser.last.answers(200, begun, welcome());
  return { ...customer, poll: browser.last };
}

/** What was said over the line, in the order of the POSTs. */
const saying = () => browser.requests.filter(({ line, mode }) => line && !mode);

const leaving = () => browser.requests.filter(({ mode }) => mode === "end");

const types = (request: FakeRequest | undefined) => request?.frames.map(({ type }) => type);

test("two WebSockets in a row that cannot open make way for a stream, at once", async () => {
  const { connection, sockets, received, stream } = await streaming();
  assert.equal(sockets.length, 2);
  assert.equal(stream.url, "http://chat.test/line/customer");
  assert.deepEqual([stream.line, stream.mode], ["", "stream"]);
  assert.deepEqual(types(stream), ["hello"]);
  assert.equal(connection.status.value.phase, "live");
  assert.deepEqual(
    received.map(({ type }) => type),
    ["welcome"],
  );
});

test("one WebSocket that has not opened after five seconds is enough", async () => {
  const { connection, timers, last } = customerLine();
  connection.start();
  await timers.elapse(4_900);
  assert.equal(last().closedWith, null);
  await timers.elapse(100);
  await settle();
  assert.equal(last().closedWith, 4003);
  assert.equal(browser.last.mode, "stream");
});

test("a WebSocket that opened, or a browser that is offline, says nothing against WebSockets", async () => {
  const { timers, goLive, last, sockets } = customerLine();
  await goLive();
  const dropped = async () => {
    const { length } = sockets;
    last().drops(1006);
    while (sockets.length === length) await timers.elapse(100);
  };
  for (let i = 0; i < 5; i++) {
    last().opens();
    await dropped();
  }
  browser.navigator.onLine = false;
  for (let i = 0; i < 5; i++) await dropped();
  assert.equal(browser.requests.length, 0);
});

test("a server that is away is not taken for a network that blocks: WebSockets come first when it is back", async () => {
  const customer = customerLine();
  await blocked(customer);
  for (let i = 0; i < 3; i++) {
    browser.last.breaks();
    const { length } = customer.sockets;
    while (customer.sockets.length === length) await customer.timers.elapse(500);
    customer.last().drops(1006);
    while (customer.sockets.length === length + 1) await customer.timers.elapse(500);
    customer.last().drops(1006);
    await customer.timers.elapse(0);
  }
  assert.deepEqual([customer.sockets.length, browser.openings.length], [8, 4]);
  await browser.last.answers(503);
  await customer.timers.elapse(30_000);
  assert.equal(customer.sockets.length, 9);
});

test("frames come out whole, however the network cuts the bytes", async () => {
  const { stream, received } = await streaming();
  const typing = { type: "typing", ticket: 7, name: "Lucía 🙂" };
  const bytes = new TextEncoder().encode(`${JSON.stringify(typing)}\n${JSON.stringify(typing)}\n`);
  for (const byte of bytes) stream.bytes(new Uint8Array([byte]));
  await settle();
  await settle();
  assert.deepEqual(received.slice(1), [typing, typing]);
});

test("one POST is under way at a time, and what is said meanwhile goes into the next, in order", async () => {
  const { connection } = await streaming();
  connection.send({ type: "typing", ticket: 7 });
  connection.post(say("one"));
  connection.ask({ type: "here", ticket: 7 });
  await settle();
  assert.deepEqual(saying().map(types), [["typing"]]);
  await saying()[0]?.answers(204);
  assert.deepEqual(saying().map(types), [["typing"], ["say", "here"]]);
  assert.equal(saying()[1]?.line, begun.id);
  await saying()[1]?.answers(204);
  assert.equal(saying().length, 2);
});

test("a POST carries no more than the server takes at once", async () => {
  const { connection } = await streaming();
  const text = "🙂".repeat(8_000);
  connection.send({ type: "typing", ticket: 7 });
  for (let i = 0; i < 3; i++) connection.send(say(text));
  await saying()[0]?.answers(204);
  await saying()[1]?.answers(204);
  assert.deepEqual(saying().map(types), [["typing"], ["say", "say"], ["say"]]);
  for (const { body } of saying()) assert.ok(new TextEncoder().encode(body).length <= 65_536);
});

test("a line that the server does not know any more ends, and what was said goes again with its cid", async () => {
  const { connection, timers } = await streaming();
  const one = say("one");
  connection.post(one);
  await settle();
  await browser.last.answers(404, { code: "unknown_line" });
  assert.equal(connection.status.value.phase, "waiting");
  await timers.elapse(1_000);
  const again = browser.last.opens();
  assert.equal(again.mode, "stream");
  await again.tells({ ...begun, id: "another" }, welcome());
  assert.deepEqual(saying().at(-1)?.frames, [one]);
  assert.equal(saying().at(-1)?.line, "another");
  assert.equal(leaving().length, 0);
});

test("the last line's code is obeyed as a socket's is", async () => {
  const restarting = await streaming();
  await restarting.stream.tells({ type: "goaway", retry_after: 7 }, { type: "end", code: 4001 });
  await restarting.timers.elapse(6_900);
  assert.equal(browser.openings.length, 1);
  await restarting.timers.elapse(200);
  assert.equal(browser.openings.length, 2);
  const again = browser.last.opens();
  await again.tells(begun, { type: "error", code: "bad_identity" }, { type: "end", code: 4501 });
  const { phase, code, reason } = restarting.connection.status.value;
  assert.deepEqual([phase, code, reason], ["stopped", 4501, "bad_identity"]);
  assert.equal(leaving().length, 0);
});

test("a stream that does not begin within five seconds makes way for polls, with a hello of their own", async () => {
  const hellos: string[] = [];
  const customer = customerLine(undefined, async () => {
    hellos.push(`token ${hellos.length}`);
    return { type: "hello", v: 1, app: "demo", token: hellos.at(-1) ?? "" };
  });
  await blocked(customer);
  const stream = browser.last;
  await customer.timers.elapse(4_900);
  assert.equal(stream.aborted, false);
  await customer.timers.elapse(1_200);
  assert.equal(stream.aborted, true);
  assert.deepEqual([browser.last.line, browser.last.mode], ["", "poll"]);
  assert.match(browser.last.body, /token 3/);
  assert.equal(leaving().length, 0);
});

test("a stream that answers no ping for two heartbeats makes way for polls", async () => {
  const { timers, stream } = await streaming();
  for (let i = 0; i < 3; i++) {
    await timers.elapse(25_000);
    if (i < 2) await saying().at(-1)?.answers(204);
  }
  assert.equal(stream.aborted, true);
  assert.equal(leaving().length, 1);
  await timers.elapse(500);
  assert.equal(browser.last.mode, "poll");
});

test("a probe after waking up that stays without an answer says nothing against streams", async () => {
  const { connection, timers } = await streaming();
  connection.wake();
  await timers.elapse(6_000);
  assert.deepEqual([browser.openings.length, browser.last.mode], [2, "stream"]);
});

test("polls follow each other; what is said goes beside them", async () => {
  const { connection, timers, poll, received } = await polling();
  assert.equal(connection.status.value.phase, "live");
  assert.deepEqual([poll.line, poll.mode, poll.body], [begun.id, "poll", ""]);
  connection.send({ type: "typing", ticket: 7 });
  await settle();
  assert.deepEqual(saying().map(types), [["typing"]]);
  await poll.answers(200, { type: "typing", ticket: 7, name: "Ana" });
  assert.equal(received.at(-1)?.type, "typing");
  const next = browser.last;
  assert.notEqual(next, poll);
  assert.equal(next.mode, "poll");
  await next.answers(200);
  assert.notEqual(browser.last, next);
  await timers.elapse(25_000);
  assert.equal(browser.requests.filter(({ line, mode }) => line && mode === "poll").length, 3);
});

test("a poll whose answer does not arrive is a lost line", async () => {
  const { connection, timers, poll } = await polling();
  poll.breaks();
  await settle();
  assert.equal(connection.status.value.phase, "waiting");
  await timers.elapse(2_000);
  assert.deepEqual([browser.last.line, browser.last.mode], ["", "poll"]);
});

test("what worked is taken at once after a reload, for ten minutes; then WebSockets get another chance", async () => {
  const before = await streaming();
  before.connection.end();
  await settle();

  const soon = customerLine();
  await soon.timers.elapse(9 * MINUTE);
  soon.connection.start();
  await settle();
  assert.deepEqual([soon.sockets.length, browser.last.mode], [0, "stream"]);
  const stream = browser.last.opens();
  await stream.tells(begun, welcome());
  for (let i = 0; i < 25; i++) {
    await soon.timers.elapse(25_000);
    await saying().at(-1)?.answers(204);
    await stream.tells({ type: "pong", now: 5_000_000 });
  }
  await stream.ends();
  await soon.timers.elapse(500);
  assert.equal(soon.sockets.length, 1);
});

test("what worked is taken again when the network was away, and left when the server knows it no more", async () => {
  const { timers, sockets, stream } = await streaming();
  const redialled = async () => {
    const { length } = browser.requests;
    while (browser.requests.length === length && sockets.length === 2) await timers.elapse(100);
  };
  stream.breaks();
  for (let i = 0; i < 3; i++) {
    await redialled();
    if (i < 2) browser.last.breaks();
  }
  assert.deepEqual([sockets.length, browser.openings.length], [2, 4]);
  await browser.last.answers(502);
  await redialled();
  assert.deepEqual([sockets.length, browser.openings.length], [2, 5]);
  await browser.last.answers(404);
  await redialled();
  assert.deepEqual([sockets.length, browser.openings.length], [3, 5]);
});

test("what did not work is not remembered", async () => {
  const customer = customerLine();
  await blocked(customer);
  browser.last.breaks();
  await settle();
  const after = customerLine();
  after.connection.start();
  await settle();
  assert.equal(after.sockets.length, 1);
});

test("an unseen tab whose lock is stolen ends its line, and is back as soon as somebody looks", async () => {
  const { connection, stream } = await streaming();
  await browser.shows(false);
  assert.equal(connection.status.value.phase, "live");
  await browser.anotherTab();
  assert.equal(stream.aborted, true);
  assert.deepEqual([leaving().length, leaving()[0]?.line, leaving()[0]?.keepalive], [1, begun.id, true]);
  assert.equal(connection.status.value.phase, "waiting");
  await browser.shows(true);
  connection.wake();
  await settle();
  assert.deepEqual([browser.last.line, browser.last.mode], ["", "stream"]);
  await browser.last.opens().tells(begun, welcome());
  assert.equal(connection.status.value.phase, "live");
});

test("an unseen tab asks for no line while another has one, and has one again when that is gone", async () => {
  const { timers, sockets } = await streaming();
  await browser.shows(false);
  const leave = await browser.anotherTab();
  const { length } = browser.requests;
  await timers.elapse(5 * MINUTE);
  assert.equal(browser.requests.length, length);
  leave();
  for (let i = 0; i < 60 && browser.openings.length < 2; i++) await timers.elapse(1_000);
  assert.deepEqual([browser.last.line, browser.last.mode], ["", "stream"]);
  assert.equal(sockets.length, 2);
});

test("two tabs side by side both go on; the one without the lock ends when it is hidden", async () => {
  const { connection, stream } = await streaming();
  await browser.anotherTab();
  assert.equal(stream.aborted, false);
  assert.equal(connection.status.value.phase, "live");
  await browser.shows(false);
  assert.equal(stream.aborted, true);
  assert.equal(connection.status.value.phase, "waiting");
});

test("without locks every tab has a line of its own", async () => {
  browser.navigator.locks = undefined;
  const { connection } = await streaming();
  await browser.shows(false);
  assert.equal(connection.status.value.phase, "live");
});

test("a page that goes says so, and one that comes back dials", async () => {
  const { connection, timers, stream } = await streaming();
  browser.page.dispatchEvent(new Event("pagehide"));
  assert.equal(stream.aborted, true);
  assert.deepEqual([leaving()[0]?.line, leaving()[0]?.keepalive], [begun.id, true]);
  assert.equal(connection.status.value.phase, "waiting");
  await timers.elapse(1_000);
  assert.equal(browser.openings.length, 2);
});

test("an ended connection leaves nothing behind", async () => {
  const { connection, timers, stream } = await streaming();
  connection.end();
  await settle();
  assert.equal(stream.aborted, true);
  assert.equal(leaving().length, 1);
  const { length } = browser.requests;
  browser.page.dispatchEvent(new Event("pagehide"));
  await browser.shows(false);
  await timers.elapse(10 * MINUTE);
  assert.equal(browser.requests.length, length);
});
