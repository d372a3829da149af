/**
 * Files on their way up, before a message takes them: for the console and the widget's frame alike.
 *
 * A **place** is where somebody writes: a ticket's id, or 0 for a ticket that is still to be. Each has a list of its own.
 *
 *     of(place)           what stands at its composer, in the order in which it was chosen
 *     add(place, files)   from a button, the clipboard or a drop. What is too large, or one too many, stands there with its
 *                         error at once and is never sent
 *     remove(place, cid)  takes one off; while it goes up it is cut off
 *     retry(place, cid)   sends one again that did not get through
 *     settled(place)      nothing is under way, nothing failed: a message would take all that stands there
 *     take(place)         what the message is to take; the list is empty then
 *
 * Lists and their entries are never changed in place, so views may compare by identity; `changed` is called after every change.
 * An upload keeps its `cid`: the server answers a repeat with what it has already. What the server calls too fast is sent again
 * when it said, and nobody is told. What is up survives a reload through `store`; what was under way does not (the browser
 * forgets which file it was).
 */

import type { File as Sent } from "../wire";

export interface Upload {
  readonly cid: string;
  readonly name: string;
  readonly bytes: number;
  /** How many bytes of it have left. */
  readonly sent: number;
  /** What the server says of it, once it is there. */
  readonly file: Sent | null;
  /** The code of a refusal, or `file_failed` when none came back; "" for neither. */
  readonly error: string;
  readonly limit: number;
}

export interface Limits {
  /** The largest file; 0: none is taken. */
  bytes: number;
  /** How many a message takes. */
  count: number;
}

export interface UploadParts {
  /** Where files of a place go, and the headers that say who sends them and for which ticket. */
  request(place: number): { url: string; headers: Record<string, string> };
  limits(place: number): Limits;
  changed(): void;
  newCid(): string;
  /** Where what is up survives a reload; "" is nothing. */
  store?: { read(place: number): string; write(place: number, text: string): void };
  /** Instead of XMLHttpRequest, which alone says how far a body has got. */
  xhr?: () => XMLHttpRequest;
}

/** At once; the server takes ten of one person. */
const AT_ONCE = 3;
/** What another try may mend. All other refusals are of the file itself. */
const MENDABLE = ["file_failed", "files_unavailable", "unavailable", "internal"];

export const retryable = ({ error }: Upload): boolean => MENDABLE.includes(error);

export class Uploads {
  readonly #parts: UploadParts;
  readonly #lists = new Map<number, readonly Upload[]>();
  /** By cid: what is to go up, and what cuts it off while it does. */
  readonly #bodies = new Map<string, Blob>();
  readonly #going = new Map<string, () => void>();

  constructor(parts: UploadParts) {
    this.#parts = parts;
  }

  of(place: number): readonly Upload[] {
    const known = this.#lists.get(place);
    if (known) return known;
    const kept = JSON.parse(this.#parts.store?.read(place) || "[]") as Sent[];
    const list = kept.map((file) => ({ ...file, cid: file.id, sent: file.bytes, file, error: "", limit: 0 }));
    this.#lists.set(place, list);
    return list;
  }

  add(place: number, files: Iterable<File>): void {
    const { bytes, count } = this.#parts.limits(place);
    const list = [...this.of(place)];
    for (const file of files) {
      const cid = this.#parts.newCid();
      const [error, limit] =
        list.length >= count
          ? ["too_many_files", count]
          : file.size > bytes
            ? ["file_too_large", bytes]
            : ["", 0];
      if (!error) this.#bodies.set(cid, file);
      list.push({ cid, name: file.name, bytes: file.size, sent: 0, file: null, error, limit });
    }
    this.#put(place, list);
    this.#flow();
  }

  remove(place: number, cid: string): void {
    this.#stop(cid);
    this.#put(
      place,
      this.of(place).filter((one) => one.cid !== cid),
    );
    this.#flow();
  }

  retry(place: number, cid: string): void {
    this.#set(place, cid, { error: "", sent: 0 });
    this.#flow();
  }

  settled(place: number): boolean {
    return this.of(place).every(({ file }) => file);
  }

  take(place: number): Sent[] {
    const files = this.of(place).flatMap(({ file }) => file ?? []);
    for (const { cid } of this.of(place)) this.#stop(cid);
    this.#put(place, []);
    return files;
  }

  /** Nothing goes up any more, and nothing is remembered: signed out. */
  end(): void {
    for (const cid of [...this.#bodies.keys()]) this.#stop(cid);
    this.#lists.clear();
  }

  #stop(cid: string): void {
    this.#bodies.delete(cid);
    this.#going.get(cid)?.();
    this.#going.delete(cid);
  }

  #flow(): void {
    for (const [place, list] of this.#lists) {
      for (const one of list) {
        const waits = !one.file && !one.error && !this.#going.has(one.cid);
        if (waits && this.#going.size < AT_ONCE) this.#send(place, one);
      }
    }
  }

  #send(place: number, { cid, name }: Upload): void {
    const xhr = (this.#parts.xhr ?? (() => new XMLHttpRequest()))();
    const { url, headers } = this.#parts.request(place);
    xhr.open("POST", url);
    const own = { "Chat-Cid": cid, "Chat-Name": encodeURIComponent(name) };
    for (const [key, value] of Object.entries({ ...headers, ...own })) xhr.setRequestHeader(key, value);
    xhr.upload.onprogress = ({ loaded }) => this.#set(place, cid, { sent: loaded });
    xhr.onloadend = () => this.#ended(place, cid, xhr);
    this.#going.set(cid, () => {
      xhr.onloadend = xhr.upload.onprogress = null;
      xhr.abort();
    });
    xhr.send(this.#bodies.get(cid) ?? null);
  }

  #ended(place: number, cid: string, xhr: XMLHttpRequest): void {
    const said = answer(xhr);
    if (said.code === "rate_limited") {
      const timer = setTimeout(() => this.#again(cid), (said.retry_after ?? 1) * 1000);
      this.#going.set(cid, () => clearTimeout(timer));
      return;
    }
    this.#going.delete(cid);
    // A refusal has an id too, by which the log knows it.
    if (said.code || !said.id)
      this.#set(place, cid, { error: said.code ?? "file_failed", limit: said.limit ?? 0 });
    else this.#set(place, cid, { file: said, name: said.name, bytes: said.bytes, sent: said.bytes });
    this.#flow();
  }

  #again(cid: string): void {
    this.#going.delete(cid);
    this.#flow();
  }

  #set(place: number, cid: string, change: Partial<Upload>): void {
    this.#put(
      place,
      this.of(place).map((one) => (one.cid === cid ? { ...one, ...change } : one)),
    );
  }

  #put(place: number, list: readonly Upload[]): void {
    this.#lists.set(place, list);
    const files = list.flatMap(({ file }) => file ?? []);
    this.#parts.store?.write(place, files.length ? JSON.stringify(files) : "");
    this.#parts.changed();
  }
}

/** What the server answered, or its refusal; without an answer nothing but `file_failed`. */
function answer(xhr: XMLHttpRequest): Sent & { code?: string; limit?: number; retry_after?: number } {
  try {
    return Object(JSON.parse(xhr.responseText));
  } catch {
    // No JSON: a proxy's page, or nothing at all.
    return Object({ code: "file_failed" });
  }
}
