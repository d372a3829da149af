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
    if (contrast(deeper, WHITE) >= 4.5) return { fill: `rgb(${deeper})`, ink: "#fff" };
  }
  return { fill: color, ink: "#101218" };
}

const WHITE = [255, 255, 255];

/** WCAG's contrast ratio of two colours, 1 to 21. */
export function contrast(a: number[], b: number[]): number {
  const [x, y] = [luminance(a) + 0.05, luminance(b) + 0.05];
  return x > y ? x / y : y / x;
}

const luminance = (color: number[]) =>
  color
    .map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4))
    .reduce((sum, light, i) => sum + light * (SHARE[i] as number), 0);

const SHARE = [0.2126, 0.7152, 0.0722];

/** Put the accent to work on this page. Set through the CSSOM, which a strict CSP allows. */
export function paint(color: string): void {
  const accent = accentFrom(color);
  if (!accent) return;
  const { style } = document.documentElement;
  style.setProperty("--accent", accent.fill);
  style.setProperty("--on-accent", accent.ink);
}
