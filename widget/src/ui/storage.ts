/**
 * What survives a reload. Browsers may refuse storage to a framed page: then things live as long as the page does.
 *
 * localStorage rather than IndexedDB: it is written before the call returns, so that what somebody wrote is kept before it is
 * sent; and what waits to be sent is small.
 */

const fallback: Record<string, string> = {};

type Where = "localStorage" | "sessionStorage";

/** A browser's storage has its keys as properties, too. */
function kept(where: Where): Record<string, string> {
  try {
    return globalThis[where] ?? fallback;
  } catch {
    return fallback;
  }
}

/** A small value of this origin; "" when there is none. */
export const recall = (key: string, where: Where = "localStorage"): string => kept(where)[key] ?? "";

/** Keep a small value; "" forgets it. */
export function remember(key: string, value: string, where: Where = "localStorage"): void {
  try {
    if (value) kept(where)[key] = value;
    else delete kept(where)[key];
  } catch {
    // It is full.
  }
}

/** The keys that begin with `prefix`. */
export const keys = (prefix: string): string[] =>
  Object.keys(kept("localStorage")).filter((key) => key.startsWith(prefix));
