/** Where the connection keeps what waits to be sent, over reloads. */

import type { Entry, EntryStore } from "../connection";
import { keys, recall, remember } from "../ui/storage";

/** What was written and not yet acknowledged. `prefix` keeps people apart who share a browser; set it before the first use. */
export class WrittenStore<Out> implements EntryStore<Out> {
  prefix = "";

  /** In the order in which it was written. */
  load(): Entry<Out>[] {
    return keys(this.prefix)
      .map((key) => JSON.parse(recall(key)) as Entry<Out>)
      .sort((a, b) => a.order - b.order);
  }

  put(entry: Entry<Out>): void {
    remember(this.prefix + entry.cid, JSON.stringify(entry));
  }

  remove(cid: string): void {
    remember(this.prefix + cid, "");
  }
}
