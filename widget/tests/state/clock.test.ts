import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { countdown, type Verdict, verdict } from "../../src/state/clock";
import type { Clock } from "../../src/wire";

interface Case {
  name: string;
  clock: Clock;
  expect: Verdict | null;
}

const file = path.join(process.cwd(), "..", "tests", "cases", "inactivity.json");
const cases: Case[] = JSON.parse(readFileSync(file, "utf8"));

test("the table of cases is the one that the server reads", () => {
  assert.ok(cases.length >= 30);
});

for (const { name, clock, expect } of cases) {
  // A ticket without a clock (closed, or answered later) has nothing to count down.
  if (clock) test(name, () => assert.deepEqual(verdict(clock), expect));
}

const ticking: Clock = {
  turn: "customer",
  queued: false,
  active_at: 0,
  agent_spoke_at: 1_000,
  gone_at: null,
  floor_at: 0,
  email: false,
  seconds: 300,
  warning_seconds: 60,
  strict: false,
};

test("the countdown is quiet, then warns for a minute, then is over", () => {
  assert.deepEqual(countdown(ticking, 1_000), { phase: "quiet", left: 300 });
  assert.deepEqual(countdown(ticking, 240_999), { phase: "quiet", left: 61 });
  assert.deepEqual(countdown(ticking, 241_000), { phase: "warning", left: 60 });
  assert.deepEqual(countdown(ticking, 300_999), { phase: "warning", left: 1 });
  assert.deepEqual(countdown(ticking, 301_000), { phase: "over", left: 0 });
});

test("while it is the agent's turn nothing counts down", () => {
  assert.deepEqual(countdown({ ...ticking, turn: "agent" }, 999_999), { phase: "still", left: 0 });
  assert.deepEqual(countdown(null, 0), { phase: "still", left: 0 });
});
