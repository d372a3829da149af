/** One form that is being filled in: what it asks, the answers so far, and what is wrong with them. What was typed is kept. */

import { locale } from "../../ui/i18n";
import { signal } from "../../ui/signal";
import type { Ack, ErrorFrame, Wrong } from "../../wire";
import { draft, saveDraft } from "../model";
import { page } from "../page";
import { type Asking, nameOf, unanswered, type Values } from "./asking";

/** A refusal as it came: its words are of whatever language is on the page. */
export type Refusal = Pick<ErrorFrame, "code" | "limit">;

/** Raises when it cannot be had. `missing`: names of what a ticket was sent back for; none: a whole form. */
async function fetchAsking(missing: readonly string[]): Promise<Asking> {
  const answer = await fetch(`/embed/${page.app}/form?lang=${locale.value}&missing=${missing}`);
  if (!answer.ok) throw new Error(answer.statusText);
  return answer.json();
}

export class Sheet {
  readonly asking = signal<Asking | null>(null);
  /** What it asks could not be had. */
  readonly lost = signal(false);
  readonly values;
  /** Name of the field → what is wrong with it. */
  readonly wrong = signal<Record<string, Wrong | undefined>>({});
  /** What is said of the whole. */
  readonly problem = signal<Refusal | null>(null);
  /** It was sent, and goes out when all of its files are up. */
  readonly due = signal(false);
  readonly #draft: string;
  readonly #missing: readonly string[];
  #language = "";

  /** `draftName`: under what it is kept; `missing`: what a ticket was sent back for; `first`: what stands in it at first. */
  constructor(draftName: string, missing: readonly string[], first: Values) {
    this.#draft = draftName;
    this.#missing = missing;
    this.values = signal<Values>({ ...first, ...JSON.parse(draft(draftName) || "{}") });
  }

  /** What it asks, in the language of the page; again after it could not be had. */
  async load(again = false): Promise<void> {
    if (this.#language === locale.value && !again) return;
    this.#language = locale.value;
    this.lost.value = false;
    try {
      this.asking.value = await fetchAsking(this.#missing);
    } catch {
      // Words of another language are better than none.
      this.lost.value = !this.asking.value;
    }
  }

  set(name: string, value: string): void {
    this.values.value = { ...this.values.value, [name]: value };
    saveDraft(this.#draft, JSON.stringify(this.values.value));
    // Told once it was sent, taken back while it is mended: nobody is corrected while typing.
    if (this.wrong.value[name]) this.wrong.value = { ...this.wrong.value, [name]: undefined };
  }

  /** An answer that goes on elsewhere, and is none of this form any more. */
  take(name: string): string {
    const { [name]: value = "", ...rest } = this.values.value;
    this.values.value = rest;
    if (draft(this.#draft)) saveDraft(this.#draft, JSON.stringify(rest));
    return value;
  }

  /** True: nothing is missing that has to be there. */
  complete(): boolean {
    const names = unanswered(this.asking.value?.fields ?? [], this.values.value);
    this.#say(names.map((name) => [name, { code: "required" }]));
    return !names.length;
  }

  /** What the server says of it. */
  refused(outcome: Ack | ErrorFrame): void {
    if (outcome.type === "ack") {
      this.clear();
      return;
    }
    const { code, fields = {}, limit = 0 } = outcome;
    const known = this.asking.value?.fields ?? [];
    this.#say(Object.entries(fields).map(([name, wrong]) => [nameOf(known, name), wrong]));
    this.problem.value = { code, limit };
    // The form was changed meanwhile.
    if (Object.values(fields).some((wrong) => wrong.code === "unknown")) void this.load(true);
  }

  clear(): void {
    this.values.value = {};
    saveDraft(this.#draft, "");
  }

  #say(found: [string, Wrong][]): void {
    this.wrong.value = Object.fromEntries(found);
    this.problem.value = found.length ? { code: "bad_form" } : null;
  }
}
