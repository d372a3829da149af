/** What survives a reload. Browsers may refuse storage to a framed page: then things live as long as the page does. */

import type { Entry, EntryStore } from "../connection";

const fallback = new Map<string, string>();

/** A small value of this origin; null when there is none. */
export function recall(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return fallback.get(key) ?? null;
  }
}

/** Keep a small value; "" forgets it. */
export function remember(key: string, value: string): void {
  try {
    if (value) localStorage.setItem(key, value);
    else localStorage.removeItem(key);
  } catch {
    fallback.set(key, value);
  }
}

/** Forget all small values whose key starts with `prefix`. */
export function forget(prefix: string): void {
  try {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith(prefix)) localStorage.removeItem(key);
    }
  } catch {
    // Refused: nothing was kept there.
  }
  for (const key of fallback.keys()) {
    if (key.startsWith(prefix)) fallback.delete(key);
  }
}

/**
 * What was written and not yet acknowledged, in IndexedDB. `owner` keeps people apart who share a browser.
 * Where IndexedDB is refused it keeps nothing: the connection holds the entries in memory anyway.
 */
export class WrittenStore<Out> implements EntryStore<Out> {
  private owner = "";

  constructor(private readonly database: Promise<IDBDatabase | null> = openDatabase()) {}

  /** Say who writes from now on, and get what they left unsent, in order. */
  async load(owner: string): Promise<Entry<Out>[]> {
    this.owner = owner;
    const rows = await this.run<(Entry<Out> & { owner: string })[]>("readonly", (store) => store.getAll());
    return (rows ?? []).filter((row) => row.owner === owner).sort((a, b) => a.order - b.order);
  }

  put(entry: Entry<Out>): void {
    void this.run("readwrite", (store) => store.put({ ...entry, owner: this.owner }));
  }

  remove(cid: string): void {
    void this.run("readwrite", (store) => store.delete(cid));
  }

  private async run<T>(
    mode: IDBTransactionMode,
    action: (store: IDBObjectStore) => IDBRequest,
  ): Promise<T | null> {
    const database = await this.database;
    if (!database) return null;
    return new Promise((resolve) => {
      try {
        const request = action(database.transaction(WRITTEN, mode).objectStore(WRITTEN));
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => resolve(null);
      } catch {
        resolve(null);
      }
    });
  }
}

const WRITTEN = "written";

/** `name` once open, null when the browser refuses. */
export function openDatabase(name = "supportchat"): Promise<IDBDatabase | null> {
  return new Promise((resolve) => {
    try {
      const request = indexedDB.open(name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(WRITTEN, { keyPath: "cid" });
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => resolve(null);
    } catch {
      resolve(null);
    }
  });
}
