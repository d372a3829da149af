import type { ComponentChildren } from "preact";

/** What is wrong with what was just done, said aloud. `id`: for the field that it is about. */
export function Alert({ id, children }: { id?: string; children: ComponentChildren }) {
  return (
    <p id={id} class="line" data-tone="danger" role="alert">
      {children}
    </p>
  );
}
