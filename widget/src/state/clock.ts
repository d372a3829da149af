/**
 * The fair inactivity clock: twin of `chatserver/core/inactivity.py`, so that both sides count down without asking.
 * `tests/cases/inactivity.json` holds the two together. Instants are ms since 1970 UTC, on the server's clock.
 */

import type { Clock } from "../wire";

export type Ending = "inactivity" | "abandoned" | "later";

export interface Verdict {
  warn_at: number;
  close_at: number;
  ending: Ending;
}

/** When and how the ticket ends if nothing else happens; null while the clock stands still. */
export function verdict(clock: Clock): Verdict | null {
  const end = times(clock);
  return end && { ...end, ending: ending(clock) };
}

function times(clock: Clock): Omit<Verdict, "ending"> | null {
  const since = runningSince(clock);
  if (since === null) return null;
  const close_at = Math.max(since + clock.seconds * 1000, clock.floor_at);
  return { warn_at: close_at - Math.min(clock.warning_seconds, clock.seconds) * 1000, close_at };
}

function runningSince(clock: Clock): number | null {
  if (clock.strict) return clock.active_at;
  // Each agent message gives the whole time again; an open tab alone is no activity.
  if (clock.turn === "customer") return Math.max(clock.active_at, clock.agent_spoke_at);
  // The agent's turn: nobody is closed for waiting, but somebody who left is not waiting. It runs from the drop, and never takes
  // away time that a later word of either side gave.
  return clock.gone_at && Math.max(clock.gone_at, clock.active_at, clock.agent_spoke_at);
}

function ending(clock: Clock): Ending {
  const owedToTheAbsent = clock.turn === "agent" && clock.gone_at !== null;
  if (owedToTheAbsent && clock.email) return "later";
  return clock.queued ? "abandoned" : "inactivity";
}

/** What a screen shows: nothing (`still`), time enough (`quiet`), "¿Sigues ahí?" (`warning`), or waiting for the end (`over`). */
export interface Countdown {
  phase: "still" | "quiet" | "warning" | "over";
  /** Whole seconds until the end, rounded up: 0 only when it is over. */
  left: number;
}

export function countdown(clock: Clock | null, now: number): Countdown {
  const end = clock && times(clock);
  if (!end) return { phase: "still", left: 0 };
  if (now >= end.close_at) return { phase: "over", left: 0 };
  return {
    phase: now >= end.warn_at ? "warning" : "quiet",
    left: Math.ceil((end.close_at - now) / 1000),
  };
}
