import assert from "node:assert/strict";
import { test } from "node:test";
import { type Asked, given, matters, nameOf, unanswered } from "../../src/frame/chunks/asking";

const ask = (name: string, more: Partial<Asked> = {}): Asked => ({
  name,
  kind: "line",
  label: name,
  hint: "",
  required: false,
  most: 0,
  options: [],
  only: "",
  autocomplete: "off",
  rows: 1,
  ...more,
});

const FIELDS = [
  ask("subject", { required: true }),
  ask("priority"),
  ask("why", { only: "priority=4" }),
  ask("wanted"),
  ask("wanted_why", { only: "wanted" }),
  ask("tax_country"),
  ask("tax_id"),
  ask("cc"),
  ask("own.version", { required: true }),
];

test("urgent asks why, and nothing else does", () => {
  assert.deepEqual(unanswered(FIELDS, { subject: "x", "own.version": "4", priority: "3" }), []);
  assert.deepEqual(unanswered(FIELDS, { subject: "x", "own.version": "4", priority: "4" }), ["why"]);
  assert.deepEqual(unanswered(FIELDS, { subject: " ", wanted: "2026-12-24" }), [
    "subject",
    "wanted_why",
    "own.version",
  ]);
});

test("an answer that does not matter any more is not sent", () => {
  const values = { priority: "3", why: "Está detenido", wanted_why: "Cierre", "own.version": " 4.2 " };
  assert.deepEqual(given(FIELDS, values), { priority: 3, fields: { version: "4.2" } });
  assert.equal(matters(FIELDS[2] as Asked, values), false);
});

test("a country alone is no answer, and subject and text travel apart", () => {
  assert.deepEqual(given(FIELDS, { subject: "x", tax_country: "CO" }), { fields: {} });
  assert.deepEqual(given(FIELDS, { tax_country: "CO", tax_id: "900.373.913-4" }), {
    tax_country: "CO",
    tax_id: "900.373.913-4",
    fields: {},
  });
});

test("people are named as they are pasted", () => {
  const cc = "Ana Ríos <ana@a.test>, luz@b.test; leo@c.test eva@d.test";
  assert.deepEqual(given(FIELDS, { cc }).cc, ["ana@a.test", "luz@b.test", "leo@c.test", "eva@d.test"]);
});

test("the server's name of one of the app's own fields is found in the page", () => {
  assert.equal(nameOf(FIELDS, "why"), "why");
  assert.equal(nameOf(FIELDS, "version"), "own.version");
});
