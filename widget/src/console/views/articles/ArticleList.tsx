/** All articles of an app: what state each is in, and what readers made of it. */

import { useSignal } from "@preact/signals";
import { plural, t } from "../../../ui/i18n";
import { shortTime } from "../../../ui/time";
import type { Articles } from "../../articles";
import { LANGUAGES } from "../../settings";
import { avoided, type Filter, filtered, hasNews, type Row, usefulShare } from "../../state/articles";

interface Props {
  articles: Articles;
  apps: readonly { key: string; name: string }[];
  openCategories(forArticle: boolean): void;
}

export function ArticleList({ articles, apps, openCategories }: Props) {
  const filter = useSignal<Filter>({ words: "", state: "", language: "" });
  const shelf = articles.shelf.value;
  const shown = shelf ? filtered(shelf.articles, filter.value) : [];
  const selected = articles.open.value?.written?.id;
  const set = (change: Partial<Filter>) => {
    filter.value = { ...filter.value, ...change };
  };
  return (
    <section class="list shelf" aria-label={t("console.rail.articles")}>
      <header class="shelf-head">
        <h1>{t("console.rail.articles")}</h1>
        <button type="button" class="button" data-kind="quiet" onClick={() => openCategories(false)}>
          {t("console.articles.categories")}
        </button>
        <NewArticle articles={articles} openCategories={openCategories} />
      </header>
      <div class="shelf-filter">
        {apps.length > 1 && (
          <select
            aria-label={t("console.articles.app")}
            value={articles.app.value}
            onChange={({ currentTarget }) => {
              void articles.show(null);
              articles.app.value = currentTarget.value;
              articles.shelf.value = null;
            }}
          >
            {apps.map((app) => (
              <option key={app.key} value={app.key}>
                {app.name}
              </option>
            ))}
          </select>
        )}
        <input
          type="search"
          aria-label={t("console.articles.find")}
          placeholder={t("console.articles.find")}
          value={filter.value.words}
          onInput={({ currentTarget }) => set({ words: currentTarget.value })}
        />
        <select
          aria-label={t("console.articles.state")}
          value={filter.value.state}
          onChange={({ currentTarget }) => set({ state: currentTarget.value as Filter["state"] })}
        >
          <option value="">{t("console.articles.any_state")}</option>
          {(["published", "draft", "withdrawn"] as const).map((state) => (
            <option key={state} value={state}>
              {t(`console.articles.state.${state}`)}
            </option>
          ))}
        </select>
        <select
          aria-label={t("console.articles.language")}
          value={filter.value.language}
          onChange={({ currentTarget }) => set({ language: currentTarget.value })}
        >
          <option value="">{t("console.articles.any_language")}</option>
          {LANGUAGES.map((code) => (
            <option key={code} value={code}>
              {t(`console.articles.language.${code}`)}
            </option>
          ))}
        </select>
      </div>
      <div class="scroll">
        {shelf === null ? (
          <div class="skeletons" aria-hidden="true">
            <div class="skeleton" />
            <div class="skeleton" />
          </div>
        ) : (
          <ul>
            {shown.map((row) => (
              <li key={row.id}>
                <button
                  type="button"
                  class="article-row"
                  aria-current={row.id === selected ? "true" : undefined}
                  onClick={() => void articles.show(row.id)}
                >
                  <ArticleRow row={row} />
                </button>
              </li>
            ))}
          </ul>
        )}
        {shelf && shelf.articles.length > 0 && shown.length === 0 && (
          <p class="soft none">{t("console.articles.none")}</p>
        )}
      </div>
    </section>
  );
}

function ArticleRow({ row }: { row: Row }) {
  const share = usefulShare(row);
  const spared = avoided(row);
  return (
    <>
      <span class="article-title">{row.title}</span>
      <span class="article-facts">
        <span class="state" data-state={row.state}>
          {t(`console.articles.state.${row.state}`)}
        </span>
        {hasNews(row) && <span class="state">{t("console.articles.has_news")}</span>}
        <span lang={row.language}>{row.language.toUpperCase()}</span>
        <span>{shortTime(row.saved_at, Date.now())}</span>
      </span>
      <span class="article-facts">
        <span>{plural("console.articles.views", row.views)}</span>
        {share !== null && <span>{t("console.articles.useful", { share })}</span>}
        {spared > 0 && <span>{plural("console.articles.avoided", spared)}</span>}
      </span>
    </>
  );
}

/** **Nuevo artículo**, in the language that is chosen beside it. Without a category there is nowhere to put one. */
function NewArticle({ articles, openCategories }: Pick<Props, "articles" | "openCategories">) {
  const empty = articles.shelf.value?.categories.length === 0;
  return (
    <button
      type="button"
      class="button"
      data-kind="primary"
      aria-disabled={articles.shelf.value === null}
      onClick={() => {
        if (articles.shelf.value === null) return;
        if (empty) openCategories(true);
        else articles.create("es");
      }}
    >
      {t("console.articles.new")}
    </button>
  );
}
