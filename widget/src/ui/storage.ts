/**
 * What survives a reload. Browsers may refuse storage to a framed page: then things live as long as the page does.
 *
 * localStorage rather than IndexedDB: it is written before the call returns, so that what somebody wrote is kept before it is
 * sent; and what waits to be sent is small.
 */

const fallback = new Map<string, string>();

type Where = "localStorage" | "sessionStorage";

/** A small value of this origin; "" when there is none. */
export function recall(key: string, where: Where = "localStorage"): string {
  try {
    return globalThis[where].getItem(key) ?? "";
  } catch {
    return fallback.get(key) ?? "";
  }
}

/** Keep a small value; "" forgets it. */
export function remember(key: string, value: string, where: Where = "localStorage"): void {
  try {
    if (value) globalThis[where].setItem(key, value);
    else globalThis[where].removeItem(key);
  } catch {
    fallback.set(key, value);
  }
}

/** The keys that begin with `prefix`. */
export function keys(prefix: string): string[] {
  let all: string[];
  try {
    all = Object.keys(localStorage);
  } catch {
    all = [...fallback.keys()];
  }
  return all.filter((key) => key.startsWith(prefix));
}
