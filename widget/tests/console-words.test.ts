import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { isOurs } from "../src/console/keys";
import { customerName } from "../src/console/views/words";
import { words } from "../src/ui/i18n";
import { ticket } from "./console-fixtures";

const { customer } = ticket({ id: 1 });

afterEach(() => {
  words.value = {};
});

test("a visitor without a name is called one in the agent's language", () => {
  words.value = { "console.visitor": "Visitor {alias}" };
  assert.equal(customerName({ ...customer, name: "Visitante BCDF", alias: "BCDF" }), "Visitor BCDF");
});

test("a name that was given stays, even one that begins like a visitor's", () => {
  words.value = { "console.visitor": "Visitor {alias}" };
  assert.equal(customerName(customer), "Lucía Ortega");
  assert.equal(customerName({ ...customer, name: "Visitante KLMN", alias: "BCDF" }), "Visitante KLMN");
});

test("single keys work outside of every field, and after a click on one's status", () => {
  for (const key of ["j", "t", "x", "?", "ArrowDown"]) assert.ok(isOurs(key, ""), key);
  for (const key of ["j", "t", "x", "?"]) assert.ok(isOurs(key, "radio"), key);
  assert.ok(isOurs("j", "checkbox"));
});

test("the arrows of a radio button are its own", () => {
  for (const key of ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"])
    assert.ok(!isOurs(key, "radio"), key);
});

test("no key acts while somebody writes or chooses", () => {
  for (const field of ["textarea", "select", "text", "email", "password", "search"])
    for (const key of ["j", "x", "?", "ArrowDown"]) assert.ok(!isOurs(key, field), `${key} in ${field}`);
});
