/** Says one sentence to a screen reader: a polite region that nobody sees. New messages are announced by their own log. */

let region: HTMLElement | undefined;

export function announce(sentence: string): void {
  if (!region) {
    region = document.createElement("div");
    region.className = "sr-only";
    region.setAttribute("role", "status");
    document.body.append(region);
  }
  // The same sentence twice is no change: an invisible difference makes it one.
  region.textContent = region.textContent === sentence ? `${sentence}\u00a0` : sentence;
}
