/** What the loader draws on the host's page: a shadow root with the launcher. It knows nothing of frames or messages. */

import type { SupportChatOptions } from "../sdk";
import { STYLES } from "./styles";

type Words = Record<"launcher" | "unread.one" | "unread.other" | "frame", string>;

/** Compiled in by the build: for each locale, the catalogue's `loader.*` entries, without that prefix. */
declare const __LOADER_WORDS__: Record<string, Words>;

/** The first language asked for that we have words in: the host's call or tag, its page, the browser; else Spanish. */
export const localeOf = ({ locale }: SupportChatOptions): string =>
  [locale, document.documentElement.lang, navigator.language, "es"]
    .map((wish) => `${wish}`.slice(0, 2))
    .find((language) => language in __LOADER_WORDS__) as string;

/**
 * White or black, whichever stands out more (WCAG's relative luminance): at least 4.5:1 on every
 * "#rrggbb". White for anything else: then the sheet's own colour stays.
 */
function inkOn(color: string): string {
  const rgb = +color.replace("#", "0x");
  // (value / 255 + 0.055) / 1.055, in one division.
  const light = (shift: number) => (((rgb >> shift) & 255) / 269 + 0.0521) ** 2.4;
  return light(16) * 0.2126 + light(8) * 0.7152 + light(0) * 0.0722 > 0.179 ? "#000" : "#fff";
}

export const host = document.createElement("div");
export const root = host.attachShadow({ mode: "open" });
export const launcher = document.createElement("button");
const label = new Text();
const badge = document.createElement("b");
const sheet = new CSSStyleSheet();

sheet.replaceSync(STYLES);
root.adoptedStyleSheets = [sheet];
launcher.type = "button";
launcher.ariaHasPopup = "dialog";
launcher.append(label, badge);
root.append(launcher);

/** Draws the launcher as things stand, and returns the words it speaks. */
export function drawLauncher(options: SupportChatOptions, isOpen: boolean, unread: number): Words {
  host.lang = localeOf(options);
  const words = __LOADER_WORDS__[host.lang] as Words;
  const count = `${unread || ""}`;
  const color = `${options.color}`;
  launcher.hidden = options.launcher === "none";
  launcher.className = options.position ?? "";
  launcher.style.background = color;
  launcher.style.color = inkOn(color);
  launcher.ariaExpanded = `${isOpen}`;
  launcher.ariaLabel = count
    ? words[`unread.${unread > 1 ? "other" : "one"}`].replace("{count}", count)
    : null;
  label.data = words.launcher;
  badge.textContent = count;
  return words;
}
