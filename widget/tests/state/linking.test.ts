import assert from "node:assert/strict";
import { test } from "node:test";
import { Links } from "../../src/state/linking";
import type { ErrorFrame, FileLinks } from "../../src/wire";
import { FakeTimers } from "../fakes";

const MINUTE = 60_000;

/** Somebody's links, what was asked ("ticket seq") and what was saved. `live.now = false`: no connection. */
function desk() {
  const timers = new FakeTimers();
  const asked: string[] = [];
  const saved: string[] = [];
  const live = { now: true };
  const links = new Links({
    send({ ticket, seq }) {
      if (live.now) asked.push(`${ticket} ${seq}`);
      return live.now;
    },
    save: (url) => saved.push(url),
    now: () => timers.now(),
    changed() {},
    after: (ms, run) => timers.after(ms, run),
  });
  const answer = (seq: number, thumbnail = "", until = timers.now() + 5 * MINUTE): FileLinks => ({
    type: "links",
    ticket: 4,
    seq,
    files: [{ id: `file-${seq}`, url: `/files/${seq}`, thumbnail, width: 0, height: 0 }],
    until,
  });
  return { links, timers, asked, saved, live, answer };
}

const refusal = (code: ErrorFrame["code"]) => ({ type: "error", code, verb: "links", ticket: 4 }) as const;
const WELCOME = { type: "welcome" } as Parameters<Links["hear"]>[0];

test("messages are asked for one after another, each once", () => {
  const { links, asked, answer } = desk();
  links.look(4, 1, ["file-1"]);
  links.look(4, 2, ["file-2"]);
  links.look(4, 1, ["file-1"]);
  assert.deepEqual(asked, ["4 1"]);
  links.hear(answer(1, "/small/1"));
  assert.deepEqual(asked, ["4 1", "4 2"]);
  links.hear(answer(2, "/small/2"));
  links.look(4, 1, ["file-1"]);
  assert.equal(links.of(4, 1)?.files[0]?.thumbnail, "/small/1");
  assert.deepEqual(asked, ["4 1", "4 2"]);
});

test("a picture without a thumbnail is asked for four times more, each time twice as late", async () => {
  const { links, timers, asked, answer } = desk();
  links.look(4, 1, ["file-1"]);
  const at: number[] = [];
  for (let second = 0; second <= 30; second++) {
    if (asked.length > at.length) {
      at.push(second);
      links.hear(answer(1));
    }
    await timers.elapse(1000);
  }
  assert.deepEqual(at, [0, 1, 3, 7, 15]);
});

test("nobody waits for a thumbnail of what is no picture, nor for one that is there", async () => {
  const { links, timers, asked, answer } = desk();
  links.look(4, 1, []);
  links.hear(answer(1));
  links.look(4, 2, ["file-2"]);
  links.hear(answer(2, "/small/2"));
  await timers.elapse(MINUTE);
  assert.deepEqual(asked, ["4 1", "4 2"]);
});

test("links that are over are asked for anew for a thumbnail that never came, not for one that is shown", async () => {
  const { links, timers, asked, answer } = desk();
  links.look(4, 1, []);
  links.hear(answer(1));
  links.look(4, 2, []);
  links.hear(answer(2, "/small/2"));
  links.look(4, 1, ["file-1"]);
  assert.deepEqual(asked, ["4 1", "4 2"]);
  await timers.elapse(6 * MINUTE);
  links.look(4, 1, ["file-1"]);
  links.look(4, 2, ["file-2"]);
  assert.deepEqual(asked, ["4 1", "4 2", "4 1"]);
});

test("what was asked on a line that broke is asked on the next one", () => {
  const { links, asked, saved, live, answer } = desk();
  live.now = false;
  links.save(4, 1, "file-1");
  links.look(4, 2, ["file-2"]);
  assert.deepEqual(asked, []);
  live.now = true;
  links.hear(WELCOME);
  assert.deepEqual(asked, ["4 1"]);
  links.hear(WELCOME);
  assert.deepEqual(asked, ["4 1", "4 1"]);
  links.hear(answer(1));
  assert.deepEqual(saved, ["/files/1"]);
  assert.deepEqual(asked, ["4 1", "4 1", "4 2"]);
});

test("a refusal says why until somebody tries again, and holds up nothing", () => {
  const { links, asked, saved, answer } = desk();
  links.save(4, 1, "file-1");
  links.look(4, 2, ["file-2"]);
  links.hear(refusal("files_unavailable"));
  assert.equal(links.refused(4, 1), "files_unavailable");
  assert.equal(links.refused(4, 2), "");
  assert.deepEqual(asked, ["4 1", "4 2"]);
  links.hear(answer(2));
  links.save(4, 1, "file-1");
  assert.equal(links.refused(4, 1), "");
  links.hear(answer(1));
  assert.deepEqual(saved, ["/files/1"]);
});

test("a refusal of what nobody pressed is not shown", () => {
  const { links } = desk();
  links.look(4, 1, ["file-1"]);
  links.hear(refusal("rate_limited"));
  assert.equal(links.refused(4, 1), "");
});

test("a file that is gone says so", () => {
  const { links, saved, answer } = desk();
  links.save(4, 1, "another");
  links.hear(answer(1));
  assert.deepEqual(saved, []);
  assert.equal(links.refused(4, 1), "file_unknown");
});

test("somebody else finds nothing of who was here before", () => {
  const { links, asked, answer } = desk();
  links.look(4, 1, ["file-1"]);
  links.hear(answer(1, "/small/1"));
  links.look(4, 2, ["file-2"]);
  links.hear(null);
  assert.equal(links.of(4, 1), undefined);
  links.hear(WELCOME);
  assert.deepEqual(asked, ["4 1", "4 2"]);
});
