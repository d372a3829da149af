/**
 * What apps' ticket forms ask, as administrators wrote them: fetched when somebody looks at a ticket of an app, and again when the
 * welcome names another one. Until it is there, and while it cannot be had, keys stand for words.
 */

import { type Signal, signal } from "@preact/signals";
import { locale } from "../ui/i18n";
import type { Ask } from "./api";

/** The same in the three languages of the screens. */
export type Words = Readonly<Record<string, string>>;
type Asked = "no" | "optional" | "required";

export interface Choice {
  readonly key: string;
  readonly label: Words;
}

export interface Field {
  readonly key: string;
  readonly kind: "text" | "number" | "date" | "choice" | "checkbox";
  readonly label: Words;
  readonly choices: readonly Choice[];
}

export interface Form {
  readonly mark: string;
  readonly ask: Readonly<Record<string, Asked>>;
  readonly cases: readonly {
    readonly key: string;
    readonly label: Words | null;
    readonly sensitive: boolean;
  }[];
  readonly categories: readonly Choice[];
  readonly fields: readonly Field[];
}

export const inWords = (label: Words): string => label[locale.value] ?? label.es ?? "";

export class Forms {
  /** By the app's key. */
  readonly known: Signal<ReadonlyMap<string, Form>> = signal(new Map());
  private readonly asked = new Map<string, string>();

  constructor(private readonly ask: Ask) {}

  /** Fetched unless the form of this mark is held or on its way. What failed is asked for at the next call. */
  async want(app: string, mark: string): Promise<void> {
    if (this.known.peek().get(app)?.mark === mark || this.asked.get(app) === mark) return;
    this.asked.set(app, mark);
    const answer = await this.ask<Form>("GET", `/console/form?app=${encodeURIComponent(app)}`);
    this.asked.delete(app);
    if (answer.kind !== "done") return;
    // As it is now, whatever it was called when it was asked for: a newer welcome asks again.
    this.known.value = new Map(this.known.peek()).set(app, { ...answer.value, mark });
  }
}
