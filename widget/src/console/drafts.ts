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

export const readDraft = (ticket: number): string => read(DRAFT + ticket) ?? "";

export function keepDraft(ticket: number, text: string): void {
  if (text) write(DRAFT + ticket, text);
  else remove(DRAFT + ticket);
}

export const readNote = (ticket: number): string => read(NOTE + ticket) ?? "";

export function keepNote(ticket: number, text: string): void {
  if (text) write(NOTE + ticket, text);
  else remove(NOTE + ticket);
}

/** What the composer of a ticket is for: a note only while there is one begun. */
export const readWriting = (ticket: number): Writing =>
  readNote(ticket) && read(WRITING + ticket) ? "note" : "answer";

export function keepWriting(ticket: number, writing: Writing): void {
  if (writing === "note") write(WRITING + ticket, "note");
  else remove(WRITING + ticket);
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
  put: (entry) => write(ENTRY + entry.cid, JSON.stringify(entry)),
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

function write(key: string, value: string): void {
  try {
    sessionStorage.setItem(key, value);
  } catch {}
}

function remove(key: string): void {
  try {
    sessionStorage.removeItem(key);
  } catch {}
}
