/** Where somebody is in the console, and how the address says it. */

import { signal } from "@preact/signals";

export type Section = "chats" | "articles";

export const section = signal<Section>("chats");

export interface Place {
  section: Section;
  /** The ticket or the article on the screen. */
  id: number | null;
}

export function readPlace(hash: string): Place {
  const [, article, id] = /^#(articles|ticket)(?:-(\d{1,16}))?$/.exec(hash) ?? [];
  return { section: article === "articles" ? "articles" : "chats", id: Number(id ?? 0) || null };
}

export function writePlace({ section, id }: Place): string {
  if (section === "articles") return id === null ? "#articles" : `#articles-${id}`;
  return id === null ? "" : `#ticket-${id}`;
}
