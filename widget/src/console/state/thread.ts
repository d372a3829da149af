/** A ticket's public sequence as far as it is loaded: gap-free, ascending, each item once. */

import type { Context, FormView, ItemView } from "../../wire";

export interface Thread {
  readonly items: readonly ItemView[];
  /** Earlier items exist on the server: ask with `history`. */
  readonly more: boolean;
  /** What the host page passed: it comes with the conversation, lists do without. */
  readonly context: Context;
  /** What was answered to the ticket's form; null from a server of before. */
  readonly form: FormView | null;
}

/** The number to resume after; -1 asks for a snapshot. */
export function resumeAfter(thread: Thread | undefined): number {
  return thread?.items.at(-1)?.seq ?? -1;
}

/** The thread with newer items added. `gap`: some between are missing, nothing was added. */
export function append(thread: Thread, items: readonly ItemView[]): { thread: Thread; gap: boolean } {
  const last = thread.items.at(-1)?.seq ?? 0;
  const fresh = items.filter((item) => item.seq > last);
  const first = fresh[0];
  if (first === undefined) return { thread, gap: false };
  // An empty thread that is complete begins with its first item; everything else goes on where it ends.
  if (first.seq !== last + 1) return { thread, gap: true };
  return { thread: { ...thread, items: [...thread.items, ...fresh] }, gap: false };
}

/** The thread with a page of its history put before it. */
export function prepend(thread: Thread, items: readonly ItemView[], more: boolean): Thread {
  const first = thread.items[0]?.seq ?? Number.POSITIVE_INFINITY;
  const older = items.filter((item) => item.seq < first).sort((a, b) => a.seq - b.seq);
  return { ...thread, items: [...older, ...thread.items], more };
}
