/** Several tabs of one agent: one of them rings, and all know where the agent's eyes are. */

import { newCid } from "../ui/cid";
import type { Looking } from "./state/alerts";

const NAME = "chatserver-console";

interface Note {
  tab: string;
  /** The ticket on the screen of a visible tab, 0 for none; null: not looking. */
  at: number | null;
  /** A new tab asks the others to say where they look. */
  ask?: boolean;
}

export class Tabs {
  private readonly id = newCid();
  private readonly eyes = new Map<string, number>();
  private readonly channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(NAME);
  private at: number | null = null;
  private rings = false;
  private release = () => {};
  /** Leaves the line for the bell: else a later console of this same tab would wait behind this one for ever. */
  private readonly leaving = new AbortController();

  constructor() {
    if (this.channel) this.channel.onmessage = ({ data }) => this.heard(data as Note);
    this.tell(true);
    addEventListener("pagehide", () => this.look(null));
    this.queueForTheBell();
  }

  /** This tab is the one that makes sounds. */
  get ringing(): boolean {
    return this.rings;
  }

  get looking(): Looking {
    return this.eyes;
  }

  look(at: number | null): void {
    this.at = at;
    if (at === null) this.eyes.delete(this.id);
    else this.eyes.set(this.id, at);
    this.tell(false);
  }

  close(): void {
    this.look(null);
    this.channel?.close();
    this.leaving.abort();
    this.release();
  }

  /** The lock passes on by itself when its tab is closed or crashes. Without locks every tab rings: better twice than never. */
  private queueForTheBell(): void {
    if (!navigator.locks) {
      this.rings = true;
      return;
    }
    navigator.locks
      .request(`${NAME}-bell`, { signal: this.leaving.signal }, () => {
        this.rings = true;
        return new Promise<void>((resolve) => {
          this.release = resolve;
        });
      })
      .catch(() => {
        this.rings = !this.leaving.signal.aborted;
      });
  }

  private heard(note: Note): void {
    if (note.at === null) this.eyes.delete(note.tab);
    else this.eyes.set(note.tab, note.at);
    if (note.ask) this.tell(false);
  }

  private tell(ask: boolean): void {
    this.channel?.postMessage({ tab: this.id, at: this.at, ask } satisfies Note);
  }
}
