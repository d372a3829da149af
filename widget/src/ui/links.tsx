/** Links in what people write. Text is text: only http, https and mail addresses become links, and show what they lead to. */

import type { ComponentChildren } from "preact";

export interface Part {
  text: string;
  /** Absent: plain text. */
  href?: string;
}

const CANDIDATE =
  /https?:\/\/[^\s<>"']+|www\.[^\s<>"']+|(?:mailto:)?[\w.+-]{1,64}@[a-z0-9-]+(?:\.[a-z0-9-]+)+/gi;
const TRAILING = /[.,;:!?*_…»”’]+$/;

/** `text` cut into plain pieces and links; put together again they are `text`. */
export function linkParts(text: string): Part[] {
  const parts: Part[] = [];
  let from = 0;
  for (const match of text.matchAll(CANDIDATE)) {
    const start = match.index;
    const found = trimmed(match[0]);
    const href = address(found);
    // An address within a longer word ("user:pass@…", "xhttp://") is rather something else.
    if (!href || /[\w@:/]/.test(text.charAt(start - 1))) continue;
    if (start > from) parts.push({ text: text.slice(from, start) });
    parts.push({ text: found, href });
    from = start + found.length;
  }
  if (from < text.length) parts.push({ text: text.slice(from) });
  return parts;
}

export function Linked({ text }: { text: string }): ComponentChildren {
  return linkParts(text).map((part) =>
    part.href ? (
      <a href={part.href} target="_blank" rel="noopener noreferrer nofollow">
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
  const unbalanced = cut.endsWith(")") && cut.split(")").length > cut.split("(").length;
  return unbalanced ? trimmed(cut.slice(0, -1)) : cut;
}

/** What it leads to: by how it is made, http, https or mail; "" when it leads nowhere. */
function address(found: string): string {
  const href = /^(https?:\/\/|mailto:)/i.test(found)
    ? found
    : found.includes("@") && !found.startsWith("www.")
      ? `mailto:${found}`
      : `https://${found}`;
  try {
    new URL(href);
    return href;
  } catch {
    return "";
  }
}
