/** A ticket's notes as far as they are loaded: from the first one on, gap-free, ascending, each once. */

import type { NoteView } from "../../wire";

export type Notes = readonly NoteView[];

/** The number to read on after; 0 from the beginning. */
export const lastOf = (notes: Notes | undefined): number => notes?.at(-1)?.seq ?? 0;

/** With newer ones added; null: some between are missing, nothing was added. */
export function noted(notes: Notes, fresh: Notes): Notes | null {
  const last = lastOf(notes);
  const newer = fresh.filter((note) => note.seq > last);
  if (newer.length === 0) return notes;
  return newer[0]?.seq === last + 1 ? [...notes, ...newer] : null;
}
