/** A conversation as it is drawn: days, system lines, and runs of messages by one author. */

import type { ItemView } from "../../wire";

export type Entry =
  | { kind: "day"; key: string; at: number }
  | { kind: "event"; key: string; item: ItemView }
  | { kind: "run"; key: string; by: ItemView["by"]; author: number; items: readonly ItemView[] };

/** Messages of one author belong together while no more than this lies between them. */
const RUN_MS = 180_000;

const TALK = new Set<ItemView["kind"]>(["message", "proposal"]);

/** `day`: the calendar day of an instant as a number, in the reader's zone. */
export function grouped(items: readonly ItemView[], day: (at: number) => number): readonly Entry[] {
  const entries: Entry[] = [];
  let today: number | null = null;
  for (const item of items) {
    if (day(item.at) !== today) {
      today = day(item.at);
      entries.push({ kind: "day", key: `d${item.seq}`, at: item.at });
    }
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
  return entries;
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
