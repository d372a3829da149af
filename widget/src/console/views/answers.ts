/** What a ticket's form says, in words: names of fields, kinds, priorities, days. What the form no longer has goes by its key. */

import { t, tag, words } from "../../ui/i18n";
import type { AgentTicket, FormView } from "../../wire";
import { type Form, inWords } from "../forms";

/** The name of a field, the form's own or a usual one. */
export function fieldName(form: Form | null, name: string): string {
  const own = form?.fields.find(({ key }) => key === name);
  if (own) return inWords(own.label);
  if (name === "case") return t("console.field.case");
  const key = `form.label.${name}`;
  return key in words.value ? t(key) : name;
}

/** What an answer to a field of the app's own says. */
export function ownAnswer(form: Form | null, name: string, answer: string): string {
  const field = form?.fields.find(({ key }) => key === name);
  if (field?.kind === "checkbox") return t(answer ? "console.answer.yes" : "console.answer.no");
  if (field?.kind === "date") return day(answer);
  const choice = field?.choices.find(({ key }) => key === answer);
  return choice ? inWords(choice.label) : answer;
}

export function categoryName(form: Form | null, key: string): string {
  const found = form?.categories.find((choice) => choice.key === key);
  return found ? inWords(found.label) : key;
}

export function caseName(form: Form | null, key: string): string {
  const label = form?.cases.find((one) => one.key === key)?.label;
  if (label) return inWords(label);
  return `form.case.${key}` in words.value ? t(`form.case.${key}`) : key;
}

export const priorityName = (priority: number): string => t(`form.priority.${priority}`);
export const typeName = (type: string): string => (type ? t(`form.type.${type}`) : priorityName(0));
export const levelName = (of: "impact" | "urgency", level: number): string =>
  level > 0 ? t(`form.${of}.${level}`) : "";

/** "2026-12-24" as a day in words; what is no day stays as it is. */
export function day(iso: string): string {
  const at = Date.parse(`${iso}T12:00`);
  return Number.isNaN(at) ? iso : new Date(at).toLocaleDateString(tag(), { dateStyle: "long" });
}

/** A field's answer as this ticket has it, "" for none: what stands beside its name when it is asked for again. */
export function answered(
  form: Form | null,
  ticket: AgentTicket,
  said: FormView | null,
  name: string,
): string {
  switch (name) {
    case "type":
      return ticket.type && typeName(ticket.type);
    case "priority":
      return said?.asked ? priorityName(said.asked) : "";
    case "category":
      return categoryName(form, ticket.category);
    case "impact":
      return levelName("impact", said?.impact ?? 0);
    case "case":
      return said?.case ?? ticket.case;
    case "tax_id":
      return said?.tax_id ?? "";
    case "company":
      return said?.company ?? "";
    case "phone":
      return said?.phone ?? "";
    case "url":
      return said?.url ?? "";
    case "wanted":
      return ticket.wanted && day(ticket.wanted);
    case "cc":
      return (said?.cc ?? []).join(", ");
    default:
      return said?.fields[name] ? ownAnswer(form, name, said.fields[name]) : "";
  }
}

/** The usual fields that a ticket may be sent back for, in the order of the form; partners are asked for with them. */
const USUAL = [
  ...["type", "priority", "impact", "category", "case", "tax_id"],
  ...["company", "phone", "url", "wanted", "cc"],
];

/** What a ticket of this app may be sent back for: what its form asks, if it has something to choose from, and its own fields. */
export function completable(form: Form | null): readonly string[] {
  const choices: Record<string, readonly unknown[] | undefined> = {
    category: form?.categories,
    case: form?.cases,
  };
  const usual = USUAL.filter(
    (name) => (form?.ask[name] ?? "optional") !== "no" && choices[name]?.length !== 0,
  );
  return [...usual, ...(form?.fields ?? []).map(({ key }) => key)];
}

/** What an agent changed, from the JSON of a `classified` item: "Prioridad: Sin definir → Alto". */
export function changes(form: Form | null, json: string): string {
  let found: Record<string, readonly [unknown, unknown]>;
  try {
    found = Object(JSON.parse(json));
  } catch {
    return "";
  }
  return Object.entries(found)
    .map(([name, pair]) => {
      const label = name === "development" ? t("console.classify.development") : fieldName(form, name);
      const [before, after] = [...pair].map((value) => classifiedAs(form, name, value));
      return `${label}: ${before} → ${after}`;
    })
    .join(" · ");
}

function classifiedAs(form: Form | null, name: string, value: unknown): string {
  if (typeof value === "boolean") return t(value ? "console.answer.yes" : "console.answer.no");
  if (!value) return priorityName(0);
  if (name === "type") return typeName(String(value));
  if (name === "priority") return priorityName(Number(value));
  if (name === "category") return categoryName(form, String(value));
  if (name === "impact" || name === "urgency") return levelName(name, Number(value));
  return String(value);
}
