/** What is wrong with the connection, or with what lies behind it, once it is worth a word. */

import { type ReadonlySignal, useComputed } from "@preact/signals";
import { second } from "../clockwork";
import type { Console } from "../console";

/** A short interruption is nobody's business. */
const CALM_MS = 3000;

/** "down": nothing comes or goes, so nobody knows who is there; "unstored": it comes, and nothing is stored. */
export function useTrouble(console: Console): ReadonlySignal<"" | "down" | "unstored"> {
  return useComputed(() => {
    const { phase, downSince } = console.link.value;
    if (phase === "stopped" || downSince === null) return "";
    // Both are this machine's clock: `second` runs on the server's.
    second.value;
    if (Date.now() - downSince < CALM_MS) return "";
    return phase === "live" ? "unstored" : "down";
  });
}
