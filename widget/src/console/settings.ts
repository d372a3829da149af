/** What an agent chose on this machine: small switches kept in the browser, the same in every tab. */

import { type Signal, signal } from "@preact/signals";

/** A signal that is read from the browser's storage and written back to it. */
function kept<T extends string>(key: string, initial: T, allowed: readonly T[]): Signal<T> {
  const read = (text: string | null): T => allowed.find((value) => value === text) ?? initial;
  let found: string | null = null;
  try {
    found = localStorage.getItem(key);
  } catch {
    // Forbidden storage: the choice lasts as long as the page.
  }
  const choice = signal(read(found));
  choice.subscribe((value) => {
    try {
      if (value !== read(localStorage.getItem(key))) localStorage.setItem(key, value);
    } catch {}
  });
  globalThis.addEventListener?.("storage", (event) => {
    if (event.key === key) choice.value = read(event.newValue);
  });
  return choice;
}

export const LANGUAGES = ["es", "en", "pt"] as const;
export type Language = (typeof LANGUAGES)[number];

export const sound = kept("console.sound", "on", ["on", "off"]);
/** Single-key shortcuts can be turned off: speech input and a cat on the keyboard press them too (WCAG 2.1.4). */
export const shortcuts = kept("console.shortcuts", "on", ["on", "off"]);
/** "": the page's own language. */
export const language = kept<Language | "">("console.language", "", ["", ...LANGUAGES]);
