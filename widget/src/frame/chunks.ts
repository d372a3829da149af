/**
 * What the frame fetches only when it is needed, after the first words: a script, a style sheet and words each, whose addresses
 * stand on <html>. What did not come is said where it is missed (`Late` in parts.tsx), and asked for again.
 */

import { signal } from "../ui/signal";
import { page, speakOf } from "./page";

export interface Chunks {
  after: typeof import("./chunks/after");
  files: typeof import("./chunks/files");
  form: typeof import("./chunks/form");
  hints: typeof import("./chunks/hints");
  stop: typeof import("./chunks/stop");
}

export type ChunkName = keyof Chunks;

const there: Partial<Chunks> = {};
/** How often each was asked for: an address that failed once fails for ever, the same with another ending does not. */
const tries: Partial<Record<ChunkName, number>> = {};
/** Those that did not come. */
const failed = signal<readonly ChunkName[]>([]);

/** A chunk, if it is there; else it is fetched, and the page drawn again when it has come. */
export function chunk<N extends ChunkName>(name: N): Chunks[N] | undefined {
  if (!tries[name]) fetchChunk(name);
  return there[name];
}

export const isMissing = (name: ChunkName): boolean => failed.value.includes(name);

/** Once more. Of a newer build the page knows no address: then it begins anew, and what was typed is there again. */
export async function again(name: ChunkName): Promise<void> {
  const [script = ""] = addresses(name);
  const answer = await fetch(script, { method: "HEAD" }).catch(() => null);
  if (answer?.status === 404) location.reload();
  else await fetchChunk(name);
}

async function fetchChunk(name: ChunkName): Promise<void> {
  const attempt = (tries[name] ?? 0) + 1;
  tries[name] = attempt;
  const others = failed.value.filter((one) => one !== name);
  try {
    const [script, style = ""] = addresses(name);
    const [module] = await Promise.all([
      import(attempt > 1 ? `${script}?${attempt}` : (script as string)),
      dress(style),
      speakOf(name),
    ]);
    there[name] = module;
    failed.value = [...others];
  } catch {
    failed.value = [...others, name];
  }
}

const addresses = (name: ChunkName) => (page[name] as string).split(" ");

function dress(href: string): Promise<unknown> {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = href;
  document.head.append(link);
  return new Promise((resolve, reject) => {
    link.onload = resolve;
    link.onerror = () => {
      link.remove();
      reject();
    };
  });
}
