/** Rows of the details: a name and what is known of it. */

import type { ComponentChildren } from "preact";
import { linkParts } from "../../ui/links";

/** A fact that is not known has no row. */
export function Fact({ name, children }: { name: string; children?: ComponentChildren }) {
  if (!children) return null;
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** The text as a link if it is one as a whole, else as text. */
export function SafeLink({ text }: { text: string }) {
  const [part, ...rest] = linkParts(text);
  if (!part?.href || rest.length > 0) return <>{text}</>;
  return (
    <a href={part.href} target="_blank" rel="noopener noreferrer nofollow">
      {text}
    </a>
  );
}
