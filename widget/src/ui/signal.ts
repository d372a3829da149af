/**
 * Values whose change draws the page again: the little of @preact/signals-core that the widget's frame needs, under the same
 * names. The frame has one root and draws it whole, so nothing has to know which view reads which value.
 *
 * In the frame's bundle it stands for @preact/signals-core in what frame and console share (see build.mjs).
 */

let draw = () => {};
let drawing = false;
let stale = false;

/** `what` draws the page: now, and synchronously after every change of a signal. */
export function drawWith(what: () => void): void {
  draw = what;
  changed();
}

/** What drawing itself changes is drawn right after, not within. */
function changed(): void {
  stale = true;
  if (drawing) return;
  drawing = true;
  try {
    while (stale) {
      stale = false;
      draw();
    }
  } finally {
    drawing = false;
  }
}

export interface Signal<T> {
  value: T;
  peek(): T;
}

export function signal<T>(now: T): Signal<T> {
  return {
    get value() {
      return now;
    },
    set value(next) {
      if (next === now) return;
      now = next;
      changed();
    },
    peek: () => now,
  };
}
