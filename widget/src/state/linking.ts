/**
 * Where files of messages are to be had, for the console and the widget's frame alike: links that hold for some minutes, asked for one
 * message after another (the server may call it too fast). What was asked on a connection that is gone is asked again on the next.
 *
 *     of(ticket, seq)              what is known of a message, if anything is
 *     look(ticket, seq, pictures)  asks for it where that would tell more: nothing is known, or it is over and one of these pictures
 *                                  still has no thumbnail
 *     save(ticket, seq, id)        saves a file, by a link that still holds
 *     refused(ticket, seq)         the code that says why a file of it could not be had a moment ago, or ""
 *     hear(frame)                  every frame of the server; null: the person is gone
 */

import type { AgentServerFrame, CustomerServerFrame, FileLink, FileLinks } from "../wire";

/** Nobody begins a download later than this (ms) before the end. */
const MARGIN = 10_000;
/** A picture that was sent just now has its thumbnail a moment later: it is asked for again so often, each time twice as late. */
const LOOKS = 4;
const LOOK_MS = 1_000;

interface Asked {
  ticket: number;
  seq: number;
}

export interface LinkParts {
  /** Asks now or never: false when there is no connection. */
  send(frame: { type: "links" } & Asked): boolean;
  save(url: string): void;
  /** The server's time, ms. */
  now(): number;
  /** Called when more is known, or a refusal is to be shown or taken back. */
  changed(): void;
  after(ms: number, run: () => void): void;
}

const key = ({ ticket, seq }: Asked) => `${ticket} ${seq}`;

export class Links {
  readonly #parts: LinkParts;
  readonly #known = new Map<string, FileLinks>();
  /** By message: how often it was looked at again, and whose thumbnails are waited for. */
  readonly #looks = new Map<string, number>();
  readonly #pictures = new Map<string, readonly string[]>();
  /** By message: the file that somebody wants to have, which is saved when its link is there. */
  readonly #wanted = new Map<string, string>();
  /** The first one is on its way, if `#flying`. */
  readonly #queue: Asked[] = [];
  #flying = false;
  #refusal = { of: "", code: "" };

  constructor(parts: LinkParts) {
    this.#parts = parts;
  }

  of(ticket: number, seq: number): FileLinks | undefined {
    return this.#known.get(key({ ticket, seq }));
  }

  look(ticket: number, seq: number, pictures: readonly string[]): void {
    const found = this.of(ticket, seq);
    this.#pictures.set(key({ ticket, seq }), pictures);
    if (!found || (found.until < this.#parts.now() && lacks(found.files, pictures)))
      this.#ask({ ticket, seq });
  }

  save(ticket: number, seq: number, id: string): void {
    const found = this.of(ticket, seq);
    const link = found?.files.find((one) => one.id === id);
    if (link && found && found.until - MARGIN > this.#parts.now()) this.#parts.save(link.url);
    else {
      this.#wanted.set(key({ ticket, seq }), id);
      this.#ask({ ticket, seq });
    }
    this.#refuse("", "");
  }

  refused(ticket: number, seq: number): string {
    return this.#refusal.of === key({ ticket, seq }) ? this.#refusal.code : "";
  }

  hear(frame: CustomerServerFrame | AgentServerFrame | null): void {
    if (!frame) {
      for (const all of [this.#known, this.#looks, this.#pictures, this.#wanted]) all.clear();
      this.#queue.length = 0;
    } else if (frame.type === "links") {
      this.#arrived(frame);
    } else if (frame.type === "error" && frame.verb === "links") {
      const [failed] = this.#queue;
      if (failed && this.#wanted.delete(key(failed))) this.#refuse(key(failed), frame.code);
      this.#answered();
    } else if (frame.type === "welcome") {
      this.#flying = false;
      this.#flow();
    }
  }

  #arrived(frame: FileLinks): void {
    const of = key(frame);
    this.#known.set(of, frame);
    this.#answered();
    const wanted = this.#wanted.get(of);
    const link = frame.files.find(({ id }) => id === wanted);
    if (link) this.#parts.save(link.url);
    // What is gone is left out.
    if (this.#wanted.delete(of) && !link) this.#refuse(of, "file_unknown");
    if (lacks(frame.files, this.#pictures.get(of) ?? [])) this.#lookAgain(frame);
    this.#parts.changed();
  }

  #ask(one: Asked): void {
    if (!this.#queue.some((other) => key(other) === key(one))) this.#queue.push(one);
    this.#flow();
  }

  #flow(): void {
    const [next] = this.#queue;
    if (next && !this.#flying) this.#flying = this.#parts.send({ type: "links", ...next });
  }

  #answered(): void {
    this.#queue.shift();
    this.#flying = false;
    this.#flow();
  }

  #lookAgain({ ticket, seq }: Asked): void {
    const one = { ticket, seq };
    const times = this.#looks.get(key(one)) ?? 0;
    this.#looks.set(key(one), times + 1);
    if (times < LOOKS) this.#parts.after(LOOK_MS * 2 ** times, () => this.#ask(one));
  }

  #refuse(of: string, code: string): void {
    if (this.#refusal.of === of && this.#refusal.code === code) return;
    this.#refusal = { of, code };
    this.#parts.changed();
  }
}

/** Whether one of these pictures has no thumbnail yet. */
const lacks = (files: readonly FileLink[], pictures: readonly string[]): boolean =>
  files.some(({ id, thumbnail }) => !thumbnail && pictures.includes(id));
