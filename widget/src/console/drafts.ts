/** What is being written to each ticket, its files, and what waits to be sent: kept over a reload of this tab. */

import type { Entry, EntryStore } from "../connection";
import type { AgentFrame, File as Sent } from "../wire";

/** What the composer is for: words for the customer, or among agents. */
export type Writing = "answer" | "note";

const DRAFT = "console.draft.";
/** An internal note never stands where an answer is written, nor the other way round. */
const NOTE = "console.note.";
/** By ticket: a note is being written. */
const WRITING = "console.writing.";
const ENTRY = "console.outbox.";
/** By ticket: what is up and in no message yet. By cid: what a message takes that is on its way. */
const FILES = "console.files.";
const OWNER = "console.owner";

/** What composers hold that the storage did not take: it may be full or forbidden. Lives as long as the page. */
const untaken = new Map<string, string>();

export const readDraft = (ticket: number): string => written(DRAFT + ticket);

export const keepDraft = (ticket: number, text: string): void => keepWritten(DRAFT + ticket, text);

export const readNote = (ticket: number): string => written(NOTE + ticket);

export const keepNote = (ticket: number, text: string): void => keepWritten(NOTE + ticket, text);

/** What the composer of a ticket is for: a note only while there is one begun. */
export const readWriting = (ticket: number): Writing =>
  readNote(ticket) && written(WRITING + ticket) ? "note" : "answer";

export const keepWriting = (ticket: number, writing: Writing): void =>
  keepWritten(WRITING + ticket, writing === "note" ? "note" : "");

const written = (key: string): string => untaken.get(key) ?? read(key) ?? "";

function keepWritten(key: string, text: string): void {
  untaken.delete(key);
  if (!text) remove(key);
  else if (!write(key, text)) untaken.set(key, text);
}

export const readFiles = (of: number | string): string => read(FILES + of) ?? "";

export function keepFiles(of: number | string, text: string): void {
  if (text) write(FILES + of, text);
  else remove(FILES + of);
}

/** The files of a message that waits: its frame knows their ids alone. */
export const filesOnTheWay = (cid: string): Sent[] => JSON.parse(readFiles(cid) || "[]") as Sent[];

/** The connection's outbox in this tab's storage. Another tab has its own, so nothing is sent by two. */
export const outbox: EntryStore<AgentFrame> = {
  put: (entry) => void write(ENTRY + entry.cid, JSON.stringify(entry)),
  remove: (cid) => {
    remove(ENTRY + cid);
    remove(FILES + cid);
  },
};

/** What an earlier page of this tab had not sent, oldest first. */
export function unsent(): Entry<AgentFrame>[] {
  return keys(ENTRY)
    .map((key) => JSON.parse(read(key) ?? "null") as Entry<AgentFrame> | null)
    .filter((entry) => entry !== null)
    .sort((a, b) => a.order - b.order);
}

/** Whose texts these are. Somebody else on this machine starts with nothing of the last one's; false says that it was so. */
export function belongTo(agent: number): boolean {
  const same = read(OWNER) === String(agent);
  if (!same) forget();
  write(OWNER, String(agent));
  return same;
}

/** Signed out: nothing stays. */
export function forget(): void {
  untaken.clear();
  for (const key of [OWNER, ...[ENTRY, DRAFT, NOTE, WRITING, FILES].flatMap(keys)]) remove(key);
}

function keys(prefix: string): string[] {
  try {
    return Object.keys(sessionStorage).filter((key) => key.startsWith(prefix));
  } catch {
    return [];
  }
}

// Storage can be full or forbidden; the text is still in memory and on the screen.

function read(key: string): string | null {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, value: string): boolean {
  try {
    sessionStorage.setItem(key, value);
    return true;
  } catch {
    return false;
  }
}

function remove(key: string): void {
  try {
    sessionStorage.removeItem(key);
  } catch {}
}
