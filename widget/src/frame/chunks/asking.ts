/** What an app's form asks, as the server words it, and what was answered. */

import type { Given } from "../../wire";

export interface Option {
  value: string;
  label: string;
  /** What it means, in a line. */
  why: string;
  /** What is said elsewhere while it is chosen. */
  note: string;
}

export interface Asked {
  name: string;
  kind: "line" | "area" | "email" | "tel" | "url" | "date" | "number" | "select" | "cards" | "checkbox";
  label: string;
  hint: string;
  required: boolean;
  /** Characters; 0: no bound of its own. */
  most: number;
  options: Option[];
  /** `name=value`, or a name: the answer without which this one does not matter. */
  only: string;
  autocomplete: string;
  rows: number;
}

export interface Asking {
  fields: Asked[];
  /** Of what nobody chose yet. */
  choose: string;
  checklist: { title: string; lists: { title: string; lines: string[] }[] };
}

export type Values = Record<string, string>;

/** Whether the answers so far make it matter. */
export function matters({ only }: Asked, values: Values): boolean {
  const [name = "", value] = only.split("=");
  return !name || (value === undefined ? Boolean(values[name]) : values[name] === value);
}

/** Of those that depend on another answer each has to be there with it. */
export const isNeeded = (one: Asked): boolean => one.required || one.only !== "";

/** Names of what has to be answered, and is not. */
export const unanswered = (fields: readonly Asked[], values: Values): string[] =>
  fields
    .filter((one) => isNeeded(one) && matters(one, values) && !values[one.name]?.trim())
    .map(({ name }) => name);

const OWN = "own.";
/** What is no part of the form but said with it. */
const APART = ["subject", "text", "email", "name"];
const LEVELS = ["priority", "impact", "urgency"];

/** The field of the page that the server means: one of the app's own has a name in front. */
export const nameOf = (fields: readonly Asked[], name: string): string =>
  fields.some((one) => one.name === name) ? name : OWN + name;

/** As it travels. What does not matter with these answers is left out. */
export function given(fields: readonly Asked[], values: Values): Given {
  const form: Record<string, unknown> & { tax_id?: string; tax_country?: string } = {};
  const own: Values = {};
  for (const one of fields) {
    const value = values[one.name]?.trim();
    if (!value || APART.includes(one.name) || !matters(one, values)) continue;
    if (one.name.startsWith(OWN)) own[one.name.slice(OWN.length)] = value;
    else if (LEVELS.includes(one.name)) form[one.name] = Number(value);
    else if (one.name === "cc") form[one.name] = addresses(value);
    else form[one.name] = value;
  }
  // A country alone is no answer.
  if (!form.tax_id) delete form.tax_country;
  return { ...form, fields: own };
}

/** As people write and paste them: parted by commas, blanks or lines, with a name or without. */
const addresses = (text: string): string[] =>
  text
    .split(/[,;\n]/)
    .flatMap((piece) => piece.match(/(?<=<)[^<>]*(?=>)/g) ?? piece.split(/\s+/).filter(Boolean));
