/** The second hand of the screen: small components that show a running time read `second`, and nothing else is drawn again. */

import { computed, signal } from "@preact/signals";

/** The server's time in ms, moved on once a second. */
export const second = signal(Date.now());

/** The last ms of the present minute: for what is told in minutes, so that it is drawn again once a minute. */
export const minute = computed(() => Math.floor(second.value / 60_000) * 60_000 + 59_999);

/** Starts ticking; returns what stops it. `now`: the server's clock in ms. */
export function wind(now: () => number): () => void {
  const tick = () => {
    second.value = now();
  };
  tick();
  const id = setInterval(tick, 1000);
  return () => clearInterval(id);
}
