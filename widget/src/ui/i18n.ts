/** The words on the screen: one flat catalogue, changeable at run time. Components that call `t` draw again when it changes. */

import { signal } from "@preact/signals-core";

export type Words = Record<string, string>;
type Values = Record<string, string | number>;

/** "es", "en" or "pt". */
export const locale = signal("es");
export const words = signal<Words>({});

/** For `Intl`: Latin American Spanish and Brazilian Portuguese, not the European ones. */
const TAGS: Words = { es: "es-419-u-hc-h12", en: "en", pt: "pt-BR" };

export const tag = (): string => TAGS[locale.value] as string;

/** The sentence `key` with its {placeholders} filled. A missing key shows itself, so that it is noticed. */
export function t(key: string, values?: Values): string {
  const text = words.value[key] ?? key;
  return values ? text.replace(/\{(\w+)\}/g, (whole, name) => (values[name] ?? whole) as string) : text;
}

/** As `t`, in the plural form that `count` takes; {count} is filled. */
export function plural(key: string, count: number): string {
  const form = `${key}.${new Intl.PluralRules(tag()).select(count)}`;
  const found = form in words.value ? form : `${key}.other`;
  return t(found, { count: count.toLocaleString(tag()) });
}

/** The sentence for a refusal's code; an unknown code gets the general one. */
export function errorText(code: string, values?: Values): string {
  const key = `error.${code}`;
  return t(key in words.value ? key : "error.internal", values);
}

let turn = 0;

/** Fetch a language's catalogues and show them. Raises when one cannot be had; the words on the screen stay. */
export async function loadWords(language: string, ...urls: string[]): Promise<void> {
  const mine = ++turn;
  const fetched = urls.map(async (url) => {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(url);
    return answer.json();
  });
  const all = await Promise.all(fetched);
  // Another language was asked for meanwhile, or the same with more words.
  if (mine !== turn) return;
  words.value = Object.assign({}, ...all);
  locale.value = language;
  document.documentElement.lang = language;
}
