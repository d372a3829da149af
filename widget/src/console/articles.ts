/** The section of help articles behind its views: what is listed, what is open, and what is written. */

import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { errorText, t } from "../ui/i18n";
import type { Answer, Ask } from "./api";
import {
  type Category,
  type Row,
  type Shelf,
  sameText,
  type Text,
  textOf,
  type Version,
  type Vote,
  type Written,
} from "./state/articles";
import { type Kept, keepText, readText } from "./texts";

/** The article on the screen. `written` is null for a new one. */
export interface Open {
  written: Written | null;
  language: string;
  /** A new one that translates this one. */
  translates: number;
  base: number;
}

export interface Notice {
  tone: "" | "danger";
  text: string;
}

const NOTHING: Notice = { tone: "", text: "" };

export class Articles {
  readonly app = signal("");
  readonly shelf: Signal<Shelf | null> = signal(null);
  readonly open: Signal<Open | null> = signal(null);
  readonly text: Signal<Text> = signal({ title: "", summary: "", body: "", category: 0 });
  readonly notice: Signal<Notice> = signal(NOTHING);
  /** Somebody else saved meanwhile: their text, to be compared with the one on the screen. */
  readonly theirs: Signal<Written | null> = signal(null);
  readonly versions: Signal<Version[] | null> = signal(null);
  readonly votes: Signal<Vote[] | null> = signal(null);
  readonly busy = signal(false);
  /** The text on the screen is not the one that is stored. */
  readonly dirty: ReadonlySignal<boolean>;
  /** The article that is to be shown as soon as it is known who asks: what they had not saved is theirs. */
  readonly wanted: Signal<number | null> = signal(null);
  private agent = 0;

  constructor(private readonly ask: Ask) {
    this.dirty = computed(() => {
      const open = this.open.value;
      if (!open) return false;
      const text = this.text.value;
      if (open.written) return !sameText(text, textOf(open.written));
      return text.title.trim() !== "" || text.body.trim() !== "";
    });
  }

  /** The agent's own, of this app. */
  async enter(agent: number, app: string): Promise<void> {
    this.agent = agent;
    if (this.app.peek() !== app) {
      batch(() => {
        this.app.value = app;
        this.shelf.value = null;
      });
    }
    await this.list();
    const wanted = this.wanted.peek();
    if (wanted !== null) await this.show(wanted);
    this.wanted.value = null;
  }

  async list(): Promise<void> {
    const app = this.app.peek();
    const answer = await this.ask<Shelf>("GET", `/console/articles?app=${encodeURIComponent(app)}`);
    if (app !== this.app.peek()) return;
    if (answer.kind === "done") this.shelf.value = answer.value;
    else this.tell(answer);
  }

  async show(id: number | null): Promise<void> {
    if (this.agent === 0) {
      this.wanted.value = id;
      return;
    }
    if (id === null) {
      this.leave();
      return;
    }
    if (this.open.peek()?.written?.id === id) return;
    const answer = await this.ask<Written>("GET", `/console/articles/${id}`);
    if (answer.kind === "done") this.begin(answer.value);
    else this.tell(answer);
  }

  /** A new one, or the translation of one. */
  create(language: string, original: Written | null = null): void {
    const kept = readText(this.agent, this.newKey(language, original?.id ?? 0));
    const category = original?.category_id ?? this.shelf.peek()?.categories[0]?.id ?? 0;
    batch(() => {
      this.clear();
      this.open.value = { written: null, language, translates: original?.id ?? 0, base: 0 };
      this.text.value = kept ?? {
        title: "",
        summary: "",
        body: original?.body ?? "",
        category,
      };
      if (kept) this.notice.value = { tone: "", text: t("console.articles.kept") };
    });
  }

  write(change: Partial<Text>): void {
    this.text.value = { ...this.text.peek(), ...change };
    this.keep();
  }

  /** Throw away what was not saved. */
  discard(): void {
    const open = this.open.peek();
    if (!open) return;
    this.forget();
    if (open.written) this.begin(open.written);
    else this.leave();
  }

  async save(): Promise<boolean> {
    const open = this.open.peek();
    if (!open || this.busy.peek() || !this.dirty.peek()) return !this.dirty.peek();
    const text = this.text.peek();
    const answer = await this.during(() =>
      open.written
        ? this.ask<Written>("PUT", `/console/articles/${open.written.id}`, { ...text, base: open.base })
        : this.ask<Written>("POST", "/console/articles", {
            ...text,
            app: this.app.peek(),
            language: open.language,
            translates: open.translates,
          }),
    );
    if (answer.kind !== "done") {
      this.tell(answer);
      return false;
    }
    this.forget();
    // Whatever was typed while it was being saved goes on.
    const typed = this.text.peek();
    this.begin(answer.value, t("console.articles.saved"));
    if (!sameText(typed, text)) this.write(typed);
    await this.list();
    return true;
  }

  async publish(): Promise<void> {
    if (this.dirty.peek() && !(await this.save())) return;
    const written = this.open.peek()?.written;
    if (!written) return;
    await this.change(
      `/console/articles/${written.id}/publish`,
      { number: written.version },
      "console.articles.now_public",
    );
  }

  async withdraw(): Promise<void> {
    const written = this.open.peek()?.written;
    if (written)
      await this.change(`/console/articles/${written.id}/withdraw`, {}, "console.articles.now_hidden");
  }

  /** Go on with one's own text on top of theirs, which stays among the versions. */
  keepMine(): void {
    const theirs = this.theirs.peek();
    const open = this.open.peek();
    if (!theirs || !open) return;
    batch(() => {
      this.open.value = { ...open, written: theirs, base: theirs.version };
      this.theirs.value = null;
      this.notice.value = NOTHING;
    });
    this.keep();
  }

  takeTheirs(): void {
    const theirs = this.theirs.peek();
    if (!theirs) return;
    this.forget();
    this.begin(theirs);
  }

  async loadVersions(): Promise<void> {
    const id = this.open.peek()?.written?.id;
    const answer = await this.ask<Version[]>("GET", `/console/articles/${id}/versions`);
    if (answer.kind === "done") this.versions.value = answer.value;
    else this.tell(answer);
  }

  async loadVotes(): Promise<void> {
    const id = this.open.peek()?.written?.id;
    const answer = await this.ask<Vote[]>("GET", `/console/articles/${id}/votes`);
    if (answer.kind === "done") this.votes.value = answer.value;
    else this.tell(answer);
  }

  /** An older text on the screen, to be looked at and saved as the newest one. */
  async restore(number: number): Promise<void> {
    const id = this.open.peek()?.written?.id;
    const answer = await this.ask<Written>("GET", `/console/articles/${id}?version=${number}`);
    if (answer.kind !== "done") {
      this.tell(answer);
      return;
    }
    const { title, summary, body } = answer.value;
    this.write({ title, summary, body });
    this.notice.value = { tone: "", text: t("console.articles.restored", { number }) };
  }

  async category(
    method: string,
    id: number | "",
    body: { names: Record<string, string>; about: Record<string, string> } | { ids: number[] } | null,
  ): Promise<boolean> {
    const app = this.app.peek();
    const url = `/console/categories${id ? `/${id}` : ""}${body ? "" : `?app=${encodeURIComponent(app)}`}`;
    const answer = await this.ask<Category[]>(method, url, body ? { app, ...body } : undefined);
    if (answer.kind !== "done") {
      this.tell(answer);
      return false;
    }
    const shelf = this.shelf.peek();
    batch(() => {
      this.shelf.value = { categories: answer.value, articles: shelf?.articles ?? [] };
      this.notice.value = NOTHING;
      if (!this.text.peek().category && answer.value[0]) this.write({ category: answer.value[0].id });
    });
    return true;
  }

  row(id: number | undefined): Row | undefined {
    return this.shelf.value?.articles.find((row) => row.id === id);
  }

  // — inner —

  private begin(written: Written, said = ""): void {
    const kept = readText(this.agent, String(written.id));
    batch(() => {
      this.clear();
      this.open.value = {
        written,
        language: written.language,
        translates: 0,
        base: kept?.base ?? written.version,
      };
      this.text.value = kept ? pick(kept) : textOf(written);
      this.notice.value = { tone: "", text: kept ? t("console.articles.kept") : said };
    });
  }

  private leave(): void {
    batch(() => {
      this.clear();
      this.open.value = null;
    });
  }

  private clear(): void {
    this.notice.value = NOTHING;
    this.theirs.value = null;
    this.versions.value = null;
    this.votes.value = null;
  }

  private async change(url: string, body: object, said: string): Promise<void> {
    const answer = await this.during(() => this.ask<Written>("POST", url, body));
    if (answer.kind === "done") {
      this.begin(answer.value, t(said));
      await this.list();
    } else this.tell(answer);
  }

  private async during<T>(work: () => Promise<Answer<T>>): Promise<Answer<T>> {
    this.busy.value = true;
    try {
      return await work();
    } finally {
      this.busy.value = false;
    }
  }

  private tell(answer: Exclude<Answer<unknown>, { kind: "done" }>): void {
    if (answer.kind === "failed") {
      this.notice.value = { tone: "danger", text: t("console.articles.unreachable") };
      return;
    }
    const limit = Number(answer.body.limit ?? 0);
    batch(() => {
      if (answer.code === "edited_meanwhile") this.theirs.value = (answer.body.theirs as Written) ?? null;
      this.notice.value = { tone: "danger", text: errorText(answer.code, { limit }) };
    });
  }

  private keep(): void {
    const open = this.open.peek();
    if (!open) return;
    const kept: Kept = { ...this.text.peek(), base: open.base };
    keepText(this.agent, this.key(open), this.dirty.peek() ? kept : null);
  }

  private forget(): void {
    const open = this.open.peek();
    if (open) keepText(this.agent, this.key(open), null);
  }

  private key(open: Open): string {
    return open.written ? String(open.written.id) : this.newKey(open.language, open.translates);
  }

  private newKey(language: string, translates: number): string {
    return `new.${this.app.peek()}.${language}.${translates}`;
  }
}

const pick = ({ title, summary, body, category }: Kept): Text => ({ title, summary, body, category });
