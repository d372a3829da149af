/** Articles that somebody writes and has not saved, in this browser: a closed tab or a lost network costs nothing. */

import type { Text } from "./state/articles";

const PREFIX = "console.article.";

/** What is kept: a text, and the version on which it was written. */
export interface Kept extends Text {
  base: number;
}

export function readText(agent: number, key: string): Kept | null {
  try {
    return JSON.parse(localStorage.getItem(`${PREFIX}${agent}.${key}`) ?? "null") as Kept | null;
  } catch {
    return null;
  }
}

/** Null: it was saved, or thrown away. */
export function keepText(agent: number, key: string, text: Kept | null): void {
  try {
    if (text) localStorage.setItem(`${PREFIX}${agent}.${key}`, JSON.stringify(text));
    else localStorage.removeItem(`${PREFIX}${agent}.${key}`);
  } catch {
    // Full or forbidden: the text is still on the screen.
  }
}
