/** The app's colour, with a text colour that can be read on it: 4.5:1 (WCAG 2.2, 1.4.3), computed rather than hoped. */

/**
 * White or near-black text, and the colour it stands on: white wherever the colour, deepened by at most a quarter, carries it;
 * else dark text on the colour as it is. Null when `color` is not "#rrggbb".
 */
export function accentFrom(color: string): { fill: string; ink: string } | null {
  if (!/^#[0-9a-f]{6}$/i.test(color)) return null;
  const parts = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
  for (let depth = 1; depth > 0.75; depth -= 0.02) {
    const deeper = parts.map((part) => Math.round(part * depth));
    if (luminance(deeper) <= CARRIES_WHITE) return { fill: `rgb(${deeper})`, ink: "#fff" };
  }
  return { fill: color, ink: "#101218" };
}

/** White's contrast is 1.05 / (luminance + 0.05): on what is darker than this it is 4.5 or more. */
const CARRIES_WHITE = 0.1833;

/** WCAG's relative luminance, 0 to 1; its straight line near black makes no difference to what carries white. */
function luminance(color: number[]): number {
  const weights = [0.2126, 0.7152, 0.0722];
  return color.reduce(
    (sum, part, i) => sum + ((part / 255 + 0.055) / 1.055) ** 2.4 * (weights[i] as number),
    0,
  );
}

/** Put the accent to work on this page. Set through the CSSOM, which a strict CSP allows. */
export function paint(color: string): void {
  const accent = accentFrom(color);
  if (!accent) return;
  const { style } = document.documentElement;
  style.setProperty("--accent", accent.fill);
  style.setProperty("--on-accent", accent.ink);
}
