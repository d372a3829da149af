/** What an agent looks for among all tickets of their apps, and what was found: asked at Enter, not while somebody types. */

import { type Signal, signal } from "@preact/signals";
import type { AgentServerFrame, AgentTicket, Search } from "../wire";

/** `error`: why it was refused. */
export type Standing =
  | { phase: "none" }
  | { phase: "asked" | "offline"; words: string }
  | { phase: "refused"; words: string; error: string }
  | { phase: "found"; words: string; tickets: readonly AgentTicket[]; more: boolean };

export class Searching {
  /** As it stands in the field. */
  readonly text = signal("");
  readonly standing: Signal<Standing> = signal({ phase: "none" });

  /** `send` gives false where there is no connection. `only`: told of the one ticket whose number was asked for. */
  constructor(
    private readonly send: (frame: Search) => boolean,
    private readonly only: (ticket: number) => void,
  ) {}

  ask(): void {
    const words = this.text.peek().trim();
    if (!words) this.clear();
    else this.standing.value = { phase: this.send({ type: "search", words }) ? "asked" : "offline", words };
  }

  clear(): void {
    this.text.value = "";
    this.standing.value = { phase: "none" };
  }

  hear(frame: AgentServerFrame): void {
    const now = this.standing.peek();
    // Without a connection nothing comes any more: whoever is welcomed again has what they asked for asked again.
    if (frame.type === "welcome" && (now.phase === "asked" || now.phase === "offline")) this.ask();
    if (now.phase !== "asked") return;
    if (frame.type === "error" && frame.verb === "search")
      this.standing.value = { phase: "refused", words: now.words, error: frame.code };
    if (frame.type !== "searched" || frame.words !== now.words) return;
    const { words, tickets, more } = frame;
    this.standing.value = { phase: "found", words, tickets, more };
    const [first] = tickets;
    if (first && tickets.length === 1 && words.replace("#", "") === String(first.number)) this.only(first.id);
  }
}
