/** Where the connection keeps what waits to be sent, over reloads. */

import { type Entry, nothing } from "../connection";
import { newCid } from "../ui/cid";
import { keys, recall, remember } from "../ui/storage";
import type { CustomerFrame } from "../wire";

/** The name of this page. While it lives it holds the lock of that name. */
const PAGE = newCid();

/** Pages whose locks we asked for; true: they are gone. */
const pages: Record<string, unknown> = {};

const place = (cid: string) => `${written.owner}written:${cid}`;

/** What was written and not yet acknowledged. */
export const written = {
  /** Keeps people apart who share a browser; "" while nobody is there. */
  owner: "",

  put(entry: Entry<CustomerFrame>): void {
    remember(place(entry.cid), JSON.stringify({ ...entry, page: PAGE }));
  },

  remove(cid: string): void {
    remember(place(cid), "");
  },
};

/** What was written by pages that are gone, or `all`. `more`: what to do when one goes. */
export function unsent(more: () => void, all: boolean): Entry<CustomerFrame>[] {
  const isGone = ({ page }: { page: string }) => {
    const held = () => {
      pages[page] = true;
      more();
      // For good, so that a page that is gone has one heir.
      return new Promise(nothing);
    };
    // Without locks nobody can tell: then the next page to be loaded takes it up.
    // A name of its own kind: one that begins with "-", as a page's may, is refused.
    pages[page] ??= (navigator.locks?.request(`page ${page}`, held).catch(nothing) as unknown) && false;
    return all || pages[page];
  };
  isGone({ page: PAGE });
  return keys(place(""))
    .map((key) => JSON.parse(recall(key)))
    .filter(isGone);
}
