/**
 * In the widget's frame: tells the widget, which stands around it on this same origin, what became of the form, and takes a newer
 * session from it when the one that the form brought is over. What was typed is in the page all the while.
 */

interface Told {
  type: "portal";
  what: string;
  number?: number;
}

export function framed(page: HTMLElement): void {
  const { tell, number } = page.dataset;
  if (!tell || parent === self) return;
  const told: Told = { type: "portal", what: tell };
  if (number) told.number = Number(number);
  // Only to a page of our own: the widget. Whoever else frames us hears nothing.
  parent.postMessage(told, location.origin);
  if (tell !== "over" || !(page instanceof HTMLFormElement)) return;
  addEventListener("message", ({ data, origin, source }) => {
    const token = page.querySelector<HTMLInputElement>("input[name='token']");
    if (origin !== location.origin || source !== parent || !token) return;
    if (data?.type === "portal" && typeof data.token === "string") {
      token.value = data.token;
      page.submit();
    }
  });
}
