/** The page's icon with a dot while something waits: seen in a row of tabs where the title is cut. */

const DOTTED = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M10 3h12a8 8 0 0 1 8 8v8a8 8 0 0 1-8 8H4a2 2 0 0 1-2-2V11a8 8 0 0 1 8-8z" fill="#2f55d4"/><circle cx="24" cy="8" r="8" fill="#c62f27" stroke="#fff" stroke-width="2"/></svg>',
)}`;

let plain: string | null = null;

export function dotIcon(on: boolean): void {
  const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  if (!link) return;
  plain ??= link.href;
  const wanted = on ? DOTTED : plain;
  if (link.href !== wanted) link.href = wanted;
}
