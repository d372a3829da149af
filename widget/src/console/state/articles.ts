/** Articles as the server tells them, and what a list of them shows. No DOM, no network. */

export type ArticleState = "draft" | "published" | "withdrawn";

export interface Category {
  id: number;
  slug: string;
  names: Record<string, string>;
  about: Record<string, string>;
}

/** Of an article, whichever of its texts. */
interface Kept {
  id: number;
  category_id: number;
  language: string;
  kin: string;
  state: ArticleState;
  version: number;
  shown: number | null;
}

export interface Row extends Kept {
  title: string;
  saved_at: number;
  views: number;
  opened: number;
  followed: number;
  useful: number;
  useless: number;
}

export interface Shelf {
  categories: Category[];
  articles: Row[];
}

/** What an author writes. */
export interface Text {
  title: string;
  summary: string;
  body: string;
  category: number;
}

export interface Written extends Kept {
  author: string;
  number: number;
  title: string;
  summary: string;
  body: string;
  by: string;
  at: number;
}

export interface Version {
  number: number;
  title: string;
  by: string;
  at: number;
}

export interface Vote {
  number: number;
  at: number;
  useful: boolean;
  reasons: string[];
  comment: string;
}

export const textOf = (written: Written): Text => ({
  title: written.title,
  summary: written.summary,
  body: written.body,
  category: written.category_id,
});

export const sameText = (a: Text, b: Text): boolean =>
  a.title === b.title && a.summary === b.summary && a.body === b.body && a.category === b.category;

/** Readers see something else than the newest text. */
export const hasNews = (one: { state: ArticleState; version: number; shown: number | null }): boolean =>
  one.state === "published" && one.shown !== one.version;

export function categoryName(category: Category | undefined, language: string): string {
  if (!category) return "";
  return category.names[language] ?? Object.values(category.names)[0] ?? "";
}

/** Without capitals and accents, as the server searches. */
export const folded = (text: string): string => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

export interface Filter {
  words: string;
  state: ArticleState | "";
  language: string;
}

export function filtered(articles: readonly Row[], { words, state, language }: Filter): Row[] {
  const wanted = folded(words).split(/\s+/).filter(Boolean);
  return articles.filter((article) => {
    if ((state && article.state !== state) || (language && article.language !== language)) return false;
    const title = folded(article.title);
    return wanted.every((word) => title.includes(word));
  });
}

/** Of those who said whether it was useful, how many in a hundred said yes; null while nobody has. */
export function usefulShare(row: Pick<Row, "useful" | "useless">): number | null {
  const all = row.useful + row.useless;
  return all ? Math.round((100 * row.useful) / all) : null;
}

/** Opened from a suggestion, and no ticket was started after it in the same visit of the form (docs/articles.md). */
export const avoided = (row: Pick<Row, "opened" | "followed">): number =>
  Math.max(0, row.opened - row.followed);

/** Languages into which an article has not been translated. */
export function untranslated(articles: readonly Row[], kin: string, languages: readonly string[]): string[] {
  const there = new Set(articles.filter((one) => one.kin === kin).map((one) => one.language));
  return languages.filter((code) => !there.has(code));
}
