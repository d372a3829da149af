import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { type Hint, hint } from "../../src/state/courtesy";

interface Case {
  text: string;
  hint: Hint | null;
}

const file = path.join(process.cwd(), "..", "tests", "cases", "courtesy.json");
const cases: Case[] = JSON.parse(readFileSync(file, "utf8"));

test("the table of cases is the one that the server reads", () => {
  assert.ok(cases.length >= 150);
});

for (const { text, hint: expected } of cases) {
  test(`a line of the corpus: ${text.slice(0, 40)}`, () => assert.equal(hint(text), expected));
}
