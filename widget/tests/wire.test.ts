// The wire by example: the files that the server's tests read too. tests/wire/test_examples.py says how they are named.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { CLOSE, VERSION } from "../src/wire";

const WIDGET = process.cwd();
const EXAMPLES = path.join(WIDGET, "..", "tests", "wire");
const UNIONS: Record<string, string> = {
  customer: "CustomerFrame",
  agent: "AgentFrame",
  "to-customer": "CustomerServerFrame",
  "to-agent": "AgentServerFrame",
};

interface Example {
  name: string;
  union: string;
  text: string;
}

function examples(): Example[] {
  const files = readdirSync(EXAMPLES).filter((file) => file.endsWith(".json"));
  return files.sort().map((name) => ({
    name,
    union: UNIONS[name.split(".")[0] ?? ""] ?? "never",
    text: readFileSync(path.join(EXAMPLES, name), "utf8"),
  }));
}

/** What the compiler says of each example as a literal of its union: unknown fields are errors too. */
function compile(these: Example[]): string {
  const directory = mkdtempSync(path.join(tmpdir(), "wire-"));
  try {
    const lines = these.map(
      ({ union, text }, at) => `export const e${at}: wire.${union} = ${text.replace(/\s*\n\s*/g, " ")};`,
    );
    const source = [
      `import type * as wire from ${JSON.stringify(path.join(WIDGET, "src", "wire"))};`,
      ...lines,
    ];
    writeFileSync(path.join(directory, "examples.ts"), source.join("\n"));
    const project = { extends: path.join(WIDGET, "tsconfig.json"), include: [], files: ["examples.ts"] };
    writeFileSync(path.join(directory, "tsconfig.json"), JSON.stringify(project));
    const tsc = path.join(WIDGET, "node_modules", "typescript", "bin", "tsc");
    const run = spawnSync(process.execPath, [tsc, "--noEmit", "--project", directory], { encoding: "utf8" });
    assert.ok(run.status !== null, String(run.error));
    return run.status === 0 ? "" : run.stdout + run.stderr || "tsc failed";
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test("every example is a frame of its union", () => {
  const all = examples();
  assert.ok(all.length > 50);
  assert.equal(compile(all), "");
});

test("the compiler refuses a frame with an unknown, a missing or a wrong field", () => {
  const wrong = [
    '{"type":"here","ticket":1,"admin":true}',
    '{"type":"here"}',
    '{"type":"here","ticket":"1"}',
  ];
  const said = compile(wrong.map((text, at) => ({ name: String(at), union: "CustomerFrame", text })));
  for (const line of [2, 3, 4]) assert.match(said, new RegExp(`examples\\.ts[(:]${line}\\b`));
});

test("hello speaks this version", () => {
  const hellos = examples().filter(({ name }) => /^(customer|agent)\.hello/.test(name));
  for (const { text } of hellos) assert.equal(JSON.parse(text).v, VERSION);
});

test("close codes tell by their range whether to come back", () => {
  const stop = Object.values(CLOSE).filter((code) => code >= 4500);
  assert.deepEqual(stop, [CLOSE.BAD_AUTH, CLOSE.SESSION_ENDED, CLOSE.BAD_PROTOCOL]);
});
