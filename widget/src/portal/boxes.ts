/** The reply's two boxes, above and below the history, are one: what is typed in either stands in both. */

export const box = (): HTMLTextAreaElement | null => document.querySelector("#box");

/** What stands in the reply box, and goes along when a new ticket has to be opened instead. */
export function boxes(): void {
  const below = box();
  const above = document.querySelector<HTMLTextAreaElement>("#box-top");
  if (!below) return;
  if (above) {
    const mirror = (from: HTMLTextAreaElement, to: HTMLTextAreaElement) =>
      from.addEventListener("input", () => {
        to.value = from.value;
      });
    mirror(above, below);
    mirror(below, above);
    above.value = below.value;
    // Sent once; and a page that comes back from the browser's memory shows both again.
    below.form?.addEventListener("submit", () => {
      above.value = "";
    });
    addEventListener("pageshow", () => {
      above.value = below.value;
    });
  }
  const carried = document.querySelector<HTMLTextAreaElement>("#carried textarea");
  carried?.form?.addEventListener("submit", () => {
    carried.value ||= below.value;
  });
}
