/** How readers will see it: rendered by the server, in a frame where nothing runs. */

import { useEffect, useRef } from "preact/hooks";
import { t } from "../../../ui/i18n";
import type { Articles } from "../../articles";

export function Preview({ articles, language }: { articles: Articles; language: string }) {
  const form = useRef<HTMLFormElement>(null);
  const { title, body } = articles.text.value;
  useEffect(() => form.current?.submit(), []);
  return (
    <>
      <form ref={form} method="post" action="/console/articles/preview" target="article-preview" hidden>
        <input name="app" value={articles.app.value} />
        <input name="language" value={language} />
        <input name="title" value={title} />
        <textarea name="body" value={body} />
      </form>
      <iframe name="article-preview" class="preview" title={t("console.articles.tab.preview")} />
    </>
  );
}
