/** The second hand of the screen: small components that show a running time read `second`, and nothing else is drawn again. */

import { signal } from "@preact/signals";

/** The server's time in ms, moved on once a second. */
export const second = signal(Date.now());

/** Starts ticking; returns what stops it. `now`: the server's clock in ms. */
export function wind(now: () => number): () => void {
  const tick = () => {
    second.value = now();
  };
  tick();
  const id = setInterval(tick, 1000);
  return () => clearInterval(id);
}
