/**
 * While somebody writes: help articles that may answer it, their own open tickets that sound alike, and a word about a text that would
 * read like shouting.
 */

import { Component } from "preact";
import { hint } from "../../state/courtesy";
import { locale, t } from "../../ui/i18n";
import { signal } from "../../ui/signal";
import { go, state } from "../model";
import { page } from "../page";
import { Button } from "../parts";
import "./hints.css";

interface Article {
  id: number;
  title: string;
  url: string;
  excerpt: string;
}

interface Similar {
  id: number;
  number: number;
  subject: string;
}

interface Found {
  articles: Article[];
  tickets: Similar[];
}

const NOTHING: Found = { articles: [], tickets: [] };

/** Somebody who stops for so long (ms) may want to see something. */
const PAUSE = 350;
const LEAST = 3;
/** Answers that are kept, so that taking a letter back asks nobody. */
const KEPT = 30;

/** Articles that were opened in this visit of the form; each counts once (docs/articles.md). */
const opened = new Set<number>();

/** A ticket was sent all the same. */
export function followed(): void {
  for (const id of opened) count("followed", id);
  opened.clear();
}

/** A figure that nobody waits for. */
function count(what: "opened" | "followed", id: number): void {
  fetch(`/help/${page.app}/count/${what}/${id}`, { method: "POST", keepalive: true }).catch(() => {});
}

interface SuggestionsProps {
  subject: string;
  /** An article answered it: what was written for the ticket is discarded. */
  solved: () => void;
}

/** What can be had; nothing of what cannot: a ticket needs no suggestion. */
async function had<T>(address: string, init: RequestInit): Promise<Partial<T>> {
  try {
    const answer = await fetch(address, init);
    return answer.ok ? await answer.json() : {};
  } catch {
    return {};
  }
}

/** Articles and tickets for a subject. It says nothing while there are none. */
export class Suggestions extends Component<SuggestionsProps> {
  readonly #found = signal(NOTHING);
  /** Of this visit of the form: tickets close, and people change. */
  readonly #answers = new Map<string, Found>();
  readonly #read = signal(false);
  #asked = "";
  #cancel = () => {};

  override componentDidMount() {
    opened.clear();
    this.#look();
  }

  override componentDidUpdate() {
    this.#look();
  }

  override componentWillUnmount() {
    this.#cancel();
  }

  /** After a pause, once for each text; what was on its way for another one is given up. */
  #look() {
    const question = this.props.subject.trim();
    const key = `${locale.value} ${question}`;
    if (key === this.#asked) return;
    this.#asked = key;
    this.#cancel();
    const known = this.#answers.get(key);
    if (known || question.length < LEAST) {
      this.#found.value = known ?? NOTHING;
      return;
    }
    const end = new AbortController();
    const timer = setTimeout(() => void this.#ask(key, question, end.signal), PAUSE);
    this.#cancel = () => {
      clearTimeout(timer);
      end.abort();
    };
  }

  async #ask(key: string, question: string, signal: AbortSignal): Promise<void> {
    const query = new URLSearchParams({ lang: locale.value, q: question });
    const { welcome, rooms } = state.value;
    const headers = { Authorization: `Bearer ${welcome?.token}` };
    const [{ articles }, { tickets }] = await Promise.all([
      had<Found>(`/help/${page.app}/suggest?${query}`, { signal }),
      // Who has no ticket has none that sounds alike.
      rooms.size ? had<Found>(`/embed/${page.app}/similar?${query}`, { signal, headers }) : NOTHING,
    ]);
    // Given up, and then nothing is known.
    if (signal.aborted) return;
    this.#found.value = { articles: articles ?? [], tickets: tickets ?? [] };
    if (!articles || !tickets) return;
    if (this.#answers.size >= KEPT) this.#answers.clear();
    this.#answers.set(key, { articles, tickets });
  }

  #open(id: number) {
    if (!opened.has(id)) count("opened", id);
    opened.add(id);
    this.#read.value = true;
  }

  #solved() {
    this.props.solved();
    go({ view: "home" });
  }

  override render() {
    const { articles, tickets } = this.#found.value;
    return (
      <div role="status">
        {tickets.length > 0 && (
          <section class="hints" aria-label={t("hints.tickets")}>
            <strong>{t("hints.tickets")}</strong>
            <ul>
              {tickets.map(({ id, number, subject }) => (
                <li key={id}>
                  <Button look="link" onClick={() => go({ view: "ticket", ticket: id })}>
                    #{number} {subject}
                  </Button>
                </li>
              ))}
            </ul>
          </section>
        )}
        {articles.length > 0 && (
          <section class="hints" aria-label={t("hints.title")}>
            <strong>{t("hints.title")}</strong>
            <ul>
              {articles.map(({ id, title, url, excerpt }) => (
                <li key={id}>
                  <a href={url} target="_blank" rel="noopener" onClick={() => this.#open(id)}>
                    {title}
                  </a>
                  <p class="soft">{excerpt}</p>
                </li>
              ))}
            </ul>
            {this.#read.value && (
              <p class="hints-solved">
                {t("hints.solved_ask")} <Button onClick={() => this.#solved()}>{t("hints.solved")}</Button>
              </p>
            )}
          </section>
        )}
      </div>
    );
  }
}

/** A hint about a text that would read like shouting. It never stands in the way, and is gone when told to be, until the text is. */
export class Courtesy extends Component<{ text: string }> {
  readonly #hidden = signal(false);

  override componentDidUpdate() {
    if (!this.props.text.trim()) this.#hidden.value = false;
  }

  override render({ text }: { text: string }) {
    const found = this.#hidden.value ? null : hint(text);
    // The region stays, so that a screen reader hears what comes into it.
    return (
      <div class="courtesy" role="status">
        {found && (
          <>
            <span class="soft">{t(`courtesy.${found}`)}</span>
            <button
              type="button"
              class="quiet"
              onClick={(event) => {
                const box = event.currentTarget.closest("form")?.querySelector("textarea");
                this.#hidden.value = true;
                box?.focus();
              }}
            >
              {t("courtesy.hide")}
            </button>
          </>
        )}
      </div>
    );
  }
}
