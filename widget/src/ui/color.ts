/** The app's colour, moved until it can be read: 4.5:1 for text (WCAG 2.2, 1.4.3), computed rather than hoped. */

type Rgb = [number, number, number];

const WHITE: Rgb = [255, 255, 255];
const BLACK: Rgb = [0, 0, 0];
const INK: Rgb = [20, 22, 28];
/** The lightest ground in a light theme and the lightest in a dark one on which accent-coloured text stands. */
const LIGHT_GROUND: Rgb = [240, 243, 250];
const DARK_GROUND: Rgb = [44, 47, 56];
const READABLE = 4.5;

export interface Accent {
  /** Hue in degrees, for the neutrals' hint. */
  hue: number;
  fill: string;
  onFill: string;
  /** The accent as text on a light, and on a dark ground. */
  textOnLight: string;
  textOnDark: string;
}

/** All that is derived from `color` ("#rrggbb"); null when it is no such colour. */
export function accentFrom(color: string): Accent | null {
  const match = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(color);
  if (!match) return null;
  const asked = match.slice(1).map((pair) => Number.parseInt(pair, 16)) as Rgb;
  // White on a deepened colour looks better than black on it, up to where it would be another colour.
  const wantsWhite = contrast(asked, WHITE) >= 2.6;
  const on = wantsWhite ? WHITE : INK;
  const fill = moved(asked, wantsWhite ? BLACK : WHITE, on);
  return {
    hue: hue(asked),
    fill: css(fill),
    onFill: css(on),
    textOnLight: css(moved(asked, BLACK, LIGHT_GROUND)),
    textOnDark: css(moved(asked, WHITE, DARK_GROUND)),
  };
}

/** Put the accent to work on this page. Set through the CSSOM, which a strict CSP allows. */
export function paint(color: string, dark: boolean): void {
  const accent = accentFrom(color);
  if (!accent) return;
  const { style } = document.documentElement;
  style.setProperty("--hue", `${accent.hue}`);
  style.setProperty("--accent", accent.fill);
  style.setProperty("--on-accent", accent.onFill);
  style.setProperty("--accent-text", dark ? accent.textOnDark : accent.textOnLight);
}

/** WCAG's contrast ratio, 1 to 21. */
export function contrast(a: Rgb, b: Rgb): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

/** `color` mixed with `towards` in the smallest of 20 steps that can be read with `against`. */
function moved(color: Rgb, towards: Rgb, against: Rgb): Rgb {
  for (let step = 0; step < 20; step++) {
    const mixed = color.map((part, i) =>
      Math.round(part + ((towards[i] as number) - part) * (step / 20)),
    ) as Rgb;
    if (contrast(mixed, against) >= READABLE) return mixed;
  }
  return towards;
}

function luminance(color: Rgb): number {
  const [r, g, b] = color.map((part) => {
    const c = part / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as Rgb;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function hue([r, g, b]: Rgb): number {
  const max = Math.max(r, g, b);
  const range = max - Math.min(r, g, b);
  if (range === 0) return 222;
  const sextant = max === r ? (g - b) / range : max === g ? 2 + (b - r) / range : 4 + (r - g) / range;
  return Math.round(sextant * 60 + 360) % 360;
}

const css = (color: Rgb) => `#${color.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
