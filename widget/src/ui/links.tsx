/** Links in what people write. Text is text: only http, https and mail addresses become links, and show what they lead to. */

import type { ComponentChildren } from "preact";

export interface Part {
  text: string;
  /** Absent: plain text. */
  href?: string | undefined;
}

/** Signs that nobody sees end a link: one that turns letters around would make it read as another link. */
const CANDIDATE = /(?:https?:\/\/|www\.)[^\s<>"'\p{Cf}]+|(?:mailto:)?[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+/giu;
/** Letters of another alphabet look like ours: such a host is shown as servers write it (`xn--…`). */
const FOREIGN_HOST = /^(\w+:\/\/)?[^/?#\\]*[^\0-~][^/?#\\]*/;
const TRAILING = /[.,;:!?*_…»”’]+$/;

/** `text` cut into plain pieces, which may be empty, and links; put together again they are `text`, but for foreign hosts. */
export function linkParts(text: string): Part[] {
  const parts: Part[] = [];
  let from = 0;
  for (const match of text.matchAll(CANDIDATE)) {
    const start = match.index;
    const found = trimmed(match[0]);
    const link = address(found);
    // An address within a longer word ("user:pass@…", "xhttp://") is rather something else.
    if (!link || /[\w@:/]/.test(text.charAt(start - 1))) continue;
    parts.push({ text: text.slice(from, start) }, link);
    from = start + found.length;
  }
  parts.push({ text: text.slice(from) });
  return parts;
}

/** Each link stands apart (`dir`): what was turned around before it does not turn it. */
export function Linked({ text }: { text: string }): ComponentChildren {
  return linkParts(text).map((part) =>
    part.href ? (
      <a dir="ltr" href={part.href} target="_blank" rel="noreferrer">
        {part.text}
      </a>
    ) : (
      part.text
    ),
  );
}

/** Without the full stop that ends the sentence, nor the bracket around the address. */
function trimmed(found: string): string {
  const cut = found.replace(TRAILING, "");
  const unbalanced = cut.split(")").length > cut.split("(").length;
  return unbalanced && cut.endsWith(")") ? trimmed(cut.slice(0, -1)) : cut;
}

/** What it leads to: by how it is made, http, https or mail; nothing when it leads nowhere. */
function address(found: string): Part | undefined {
  const scheme = /^\w+:/.test(found) ? "" : /^www\./i.test(found) ? "https://" : "mailto:";
  const href = scheme + found;
  try {
    const { host } = new URL(href);
    return { href, text: host ? found.replace(FOREIGN_HOST, (_, start = "") => start + host) : found };
  } catch {
    return undefined;
  }
}
