/** Rows of the details: a name and what is known of it. */

import type { ComponentChildren } from "preact";

/** A fact that is not known has no row. */
export function Fact({ name, children }: { name: string; children?: ComponentChildren }) {
  if (![children].flat().some(Boolean)) return null;
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
