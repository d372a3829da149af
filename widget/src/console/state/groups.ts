/** A conversation as it is drawn: days, system lines, and runs of messages by one author. */

import type { ItemView, NoteView } from "../../wire";
import type { Notes } from "./notes";

export type Entry =
  | { kind: "day"; key: string; at: number }
  | { kind: "event"; key: string; item: ItemView }
  | { kind: "note"; key: string; note: NoteView }
  | { kind: "run"; key: string; by: ItemView["by"]; author: number; items: readonly ItemView[] };

/** Messages of one author belong together while no more than this lies between them. */
const RUN_MS = 180_000;

const TALK = new Set<ItemView["kind"]>(["message", "proposal"]);

/** `day`: the calendar day of an instant as a number, in the reader's zone. `notes` stand between the items by their time. */
export function grouped(
  items: readonly ItemView[],
  day: (at: number) => number,
  notes: Notes = [],
): readonly Entry[] {
  const entries: Entry[] = [];
  let today: number | null = null;
  const dated = (at: number, key: string) => {
    if (day(at) === today) return;
    today = day(at);
    entries.push({ kind: "day", key, at });
  };
  let next = 0;
  const notedUntil = (at: number) => {
    for (let note = notes[next]; note && note.at < at; note = notes[++next]) {
      dated(note.at, `dn${note.seq}`);
      entries.push({ kind: "note", key: `n${note.seq}`, note });
    }
  };
  for (const item of items) {
    notedUntil(item.at);
    dated(item.at, `d${item.seq}`);
    if (!TALK.has(item.kind)) {
      entries.push({ kind: "event", key: `e${item.seq}`, item });
      continue;
    }
    const last = entries.at(-1);
    if (last?.kind === "run" && continues(last.items, item)) {
      entries[entries.length - 1] = { ...last, items: [...last.items, item] };
    } else {
      entries.push({
        kind: "run",
        key: `r${item.seq}`,
        by: item.by,
        author: item.author ?? 0,
        items: [item],
      });
    }
  }
  notedUntil(Number.POSITIVE_INFINITY);
  return entries;
}

/** Those that have their place among the items that are loaded: earlier ones come with the items of their time. */
export function within(notes: Notes, items: readonly ItemView[], more: boolean): Notes {
  const from = items[0]?.at ?? 0;
  return more ? notes.filter((note) => note.at >= from) : notes;
}

/** The end of a conversation: what is drawn of it. */
export interface End {
  readonly items: readonly ItemView[];
  readonly notes: Notes;
  /** How many of both are held and not drawn. */
  readonly before: number;
}

/** The last `most` of items and notes together, so that nothing is missing between any two that are drawn. */
export function latest(items: readonly ItemView[], notes: Notes, most: number): End {
  let item = items.length;
  let note = notes.length;
  for (let left = most; left > 0 && item + note > 0; left--) {
    // Of one moment the note stands below.
    const below =
      (notes[note - 1]?.at ?? Number.NEGATIVE_INFINITY) >= (items[item - 1]?.at ?? Number.NEGATIVE_INFINITY);
    if (below) note--;
    else item--;
  }
  return { items: items.slice(item), notes: notes.slice(note), before: item + note };
}

function continues(run: readonly ItemView[], item: ItemView): boolean {
  const last = run.at(-1);
  if (!last || last.by !== item.by || last.author !== item.author || last.name !== item.name) return false;
  return item.at - last.at <= RUN_MS;
}

/** Midnight of the reader's calendar day, as a number that tells days apart. */
export function calendarDay(at: number): number {
  return new Date(at).setHours(0, 0, 0, 0);
}
