import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import type { Form } from "../src/console/forms";
import { isOurs } from "../src/console/keys";
import { caseName, changes, completable, fieldName, ownAnswer } from "../src/console/views/answers";
import { authorName, customerName, systemLine, wholeName } from "../src/console/views/words";
import { words } from "../src/ui/i18n";
import { item, ticket } from "./console-fixtures";

const { customer } = ticket({ id: 1 });

afterEach(() => {
  words.value = {};
});

test("a visitor without a name is called one in the agent's language", () => {
  words.value = { "console.visitor": "Visitor {alias}" };
  assert.equal(customerName({ ...customer, name: "Visitante BCDF", alias: "BCDF" }), "Visitor BCDF");
});

test("a name that nobody stands by has the address beside it, however long it is", () => {
  words.value = { "console.claimed": "{claimed} ({name}, sin verificar)" };
  const ana = { ...customer, name: "ana@cliente.example", claimed: "Ana Pérez" };
  assert.equal(customerName(ana), "Ana Pérez (ana@cliente.example, sin verificar)");
  assert.equal(authorName(item(2), ticket({ id: 1, customer: ana }), 7), customerName(ana));
  const long = { ...ana, claimed: `Soporte${" 👩‍💻".repeat(30)}` };
  const shown = customerName(long);
  assert.ok(shown.endsWith("… (ana@cliente.example, sin verificar)"));
  assert.ok([...shown].length < 75);
  assert.equal(wholeName(long), `${long.claimed} (ana@cliente.example, sin verificar)`);
});

test("who is in copy is named and marked, and is never the customer nor me", () => {
  words.value = { "common.in_copy": "{name} (en copia)", "console.log.you": "Tú" };
  const of = ticket({ id: 1 });
  const luis = item(2, { by: "system", name: "Luis Mora", author: 7 });
  assert.equal(authorName(luis, of, 7), "Luis Mora (en copia)");
  assert.equal(authorName({ ...luis, by: "agent" }, of, 7), "Tú");
  assert.equal(authorName({ ...luis, by: "agent" }, of, 8), "Luis Mora");
  assert.equal(authorName(item(2), of, 7), "Lucía Ortega");
  words.value = { "console.event.resumed": "{name} respondió" };
  assert.equal(systemLine({ ...luis, kind: "resumed" }, of, 7, null), "Luis Mora respondió");
  assert.equal(systemLine(item(2, { kind: "resumed" }), of, 7, null), "Lucía Ortega respondió");
});

test("of a ticket that came by the form nothing is said that its customer did not say", () => {
  words.value = {
    "console.event.later.form": "Llegó por el formulario",
    "console.event.later.customer": "El cliente prefirió una respuesta más tarde",
  };
  const of = ticket({ id: 1 });
  const line = (by: "customer" | "system", reason: string) =>
    systemLine(item(2, { kind: "later", by, reason }), of, 7, null);
  assert.equal(line("system", "form"), "Llegó por el formulario");
  assert.equal(line("system", "customer"), "Llegó por el formulario");
  assert.equal(line("customer", "customer"), "El cliente prefirió una respuesta más tarde");
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

const FORM: Form = {
  mark: "m",
  ask: { phone: "no" },
  cases: [
    { key: "invoice", label: null, sensitive: false },
    { key: "order", label: { es: "Pedido", en: "Order", pt: "Pedido" }, sensitive: false },
  ],
  categories: [{ key: "billing", label: { es: "Facturación", en: "Billing", pt: "Faturamento" } }],
  fields: [
    { key: "version", kind: "text", label: { es: "Versión", en: "Version", pt: "Versão" }, choices: [] },
    {
      key: "plan",
      kind: "choice",
      label: { es: "Plan", en: "Plan", pt: "Plano" },
      choices: [{ key: "pro", label: { es: "Profesional", en: "Pro", pt: "Pro" } }],
    },
  ],
};
const WORDS = {
  "form.label.priority": "Prioridad",
  "form.priority.0": "Sin definir",
  "form.priority.3": "Alto",
  "form.label.category": "Categoría",
  "console.field.case": "Número",
  "form.case.invoice": "Factura",
  "console.answer.yes": "Sí",
  "console.answer.no": "No",
  "console.classify.development": "Desarrollo",
  "console.event.sent_back": "{name} devolvió: {fields}",
  "console.event.rejected": "{name}: «{reason}»",
};

test("fields, cases and answers go by the words of the app's form, and by their keys where it has none", () => {
  words.value = WORDS;
  assert.equal(fieldName(FORM, "version"), "Versión");
  assert.equal(fieldName(FORM, "case"), "Número");
  assert.equal(fieldName(null, "version"), "version");
  assert.equal(caseName(FORM, "order"), "Pedido");
  assert.equal(caseName(FORM, "invoice"), "Factura");
  assert.equal(caseName(FORM, "gone"), "gone");
  assert.equal(ownAnswer(FORM, "plan", "pro"), "Profesional");
  assert.equal(ownAnswer(FORM, "plan", "gone"), "gone");
});

test("a ticket may be sent back for what its form asks, and for the app's own fields", () => {
  const names = completable(FORM);
  assert.ok(names.includes("case") && names.includes("version"));
  assert.ok(!names.includes("phone"));
  assert.ok(completable(null).includes("phone"));
  assert.ok(completable({ ...FORM, cases: [] }).includes("category"));
  assert.ok(!completable({ ...FORM, cases: [] }).includes("case"));
  assert.ok(!completable({ ...FORM, categories: [] }).includes("category"));
});

test("who was put in copy is told, and by whom", () => {
  words.value = { "console.event.copied": "{name} puso en copia a {addresses}" };
  const luz = item(2, { kind: "copied", by: "agent", name: "Ana", text: "luz@cliente.example" });
  const line = (one: typeof luz) => systemLine(one, ticket({ id: 1 }), 7, null);
  assert.equal(line(luz), "Ana puso en copia a luz@cliente.example");
  const { name: _, ...own } = luz;
  assert.equal(line({ ...own, by: "customer" }), "Lucía Ortega puso en copia a luz@cliente.example");
});

test("what was classified is told as it was before and as it is now; what is no JSON says nothing", () => {
  words.value = WORDS;
  const json = JSON.stringify({ priority: [0, 3], category: ["", "billing"], development: [false, true] });
  assert.equal(
    changes(FORM, json),
    "Prioridad: Sin definir → Alto · Categoría: Sin definir → Facturación · Desarrollo: No → Sí",
  );
  assert.equal(changes(FORM, "<b>"), "");
});

test("the history names what a ticket was sent back for, and why it was rejected", () => {
  words.value = WORDS;
  const view = ticket({ id: 1 });
  const sentBack = item(3, { kind: "sent_back", by: "agent", name: "Ana", reason: "case,version" });
  assert.equal(systemLine(sentBack, view, 7, FORM), "Ana devolvió: Número, Versión");
  const rejected = item(4, {
    kind: "closed",
    by: "agent",
    name: "Ana",
    reason: "rejected",
    text: "No es aquí",
  });
  assert.equal(systemLine(rejected, view, 7, FORM), "Ana: «No es aquí»");
});
