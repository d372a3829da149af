/** The section of help articles: the list of an app's articles, and beside it the one that is written. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { t } from "../../../ui/i18n";
import type { Articles as Model } from "../../articles";
import type { Console } from "../../console";
import { ArticleList } from "./ArticleList";
import { Categories } from "./Categories";
import { Editor } from "./Editor";

export function Articles({ console, articles }: { console: Console; articles: Model }) {
  const me = console.desk.value.me;
  const categories = useSignal<"closed" | "open" | "for an article">("closed");
  const close = () => {
    categories.value = "closed";
  };
  const app = articles.app.value || me?.apps[0]?.key || "";
  useEffect(() => {
    if (me && app) void articles.enter(me.id, app);
  }, [me?.id, app]);
  const shelf = articles.shelf.value;
  const open = articles.open.value;
  return (
    <main>
      <ArticleList
        articles={articles}
        apps={me?.apps ?? []}
        openCategories={(forArticle) => {
          categories.value = forArticle ? "for an article" : "open";
        }}
      />
      <section class="writing" aria-label={t("console.articles.editor")}>
        {open && shelf ? (
          <Editor key={open.written?.id ?? `new-${open.language}-${open.translates}`} articles={articles} />
        ) : (
          <div class="empty">
            <Notice articles={articles} />
            <p>
              {t(shelf && shelf.articles.length === 0 ? "console.articles.first" : "console.articles.choose")}
            </p>
          </div>
        )}
      </section>
      {categories.value !== "closed" && (
        <Categories
          articles={articles}
          close={close}
          goOn={
            categories.value === "open"
              ? null
              : () => {
                  close();
                  articles.create("es");
                }
          }
        />
      )}
    </main>
  );
}

/** What became of the last thing that was asked for. */
export function Notice({ articles }: { articles: Model }) {
  const { tone, text } = articles.notice.value;
  return (
    <p
      class="line"
      role={tone === "danger" ? "alert" : "status"}
      data-tone={tone || undefined}
      hidden={!text}
    >
      {text}
    </p>
  );
}
