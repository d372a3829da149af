import type { ComponentChildren } from "preact";
import { Linked, linkParts } from "../../ui/links";

/** The text as a link if it is one as a whole, else as text. */
export function SafeLink({ text }: { text: string }): ComponentChildren {
  const [first, ...others] = linkParts(text).filter((part) => part.text);
  return first?.href && others.length === 0 ? <Linked text={text} /> : text;
}
