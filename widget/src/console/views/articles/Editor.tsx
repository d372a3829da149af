/** Writing an article: title, summary, Markdown; how it will look; what may be done with it. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../../../ui/i18n";
import type { Articles, Open } from "../../articles";
import { LANGUAGES } from "../../settings";
import { categoryName, hasNews, untranslated } from "../../state/articles";
import { Icon } from "../icons";
import { Notice } from "./Articles";
import { Conflict } from "./Conflict";
import { Preview } from "./Preview";
import { Versions } from "./Versions";
import { Votes } from "./Votes";

type Tab = "write" | "preview" | "versions" | "votes";

export function Editor({ articles }: { articles: Articles }) {
  const tab = useSignal<Tab>("write");
  const open = articles.open.value as Open;
  const title = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (!open.written) title.current?.focus();
  }, []);
  const tabs: Tab[] = open.written ? ["write", "preview", "versions", "votes"] : ["write", "preview"];
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Ctrl+S stands beside the button that does the same
    <div
      class="editor"
      onKeyDown={(event) => {
        if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
          event.preventDefault();
          void articles.save();
        }
      }}
    >
      <Head articles={articles} open={open} />
      <Notice articles={articles} />
      <div class="tabs" role="tablist" aria-label={t("console.articles.editor")}>
        {tabs.map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`tab-${name}`}
            aria-selected={tab.value === name}
            aria-controls="tab-panel"
            tabIndex={tab.value === name ? 0 : -1}
            onClick={() => {
              tab.value = name;
            }}
            onKeyDown={(event) => {
              const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
              if (!step) return;
              const next = tabs[(tabs.indexOf(name) + step + tabs.length) % tabs.length] as Tab;
              tab.value = next;
              document.getElementById(`tab-${next}`)?.focus();
            }}
          >
            {t(`console.articles.tab.${name}`)}
          </button>
        ))}
      </div>
      <div class="tab-panel" id="tab-panel" role="tabpanel" aria-labelledby={`tab-${tab.value}`}>
        {articles.theirs.value && <Conflict articles={articles} theirs={articles.theirs.value} />}
        {tab.value === "write" && <Fields articles={articles} title={title} />}
        {tab.value === "preview" && <Preview articles={articles} language={open.language} />}
        {tab.value === "versions" && (
          <Versions
            articles={articles}
            restored={() => {
              tab.value = "write";
            }}
          />
        )}
        {tab.value === "votes" && <Votes articles={articles} />}
      </div>
    </div>
  );
}

function Head({ articles, open }: { articles: Articles; open: Open }) {
  const { written } = open;
  const busy = articles.busy.value;
  const dirty = articles.dirty.value;
  const row = articles.row(written?.id);
  const missing = written ? untranslated(articles.shelf.value?.articles ?? [], written.kin, LANGUAGES) : [];
  const publishable = written ? dirty || written.state !== "published" || hasNews(written) : dirty;
  return (
    <header class="editor-head">
      <button
        type="button"
        class="button to-shelf"
        data-kind="quiet"
        onClick={() => void articles.show(null)}
      >
        <Icon name="back" />
        {t("console.action.back")}
      </button>
      <p class="editor-state">
        <span class="state" data-state={written?.state ?? "draft"}>
          {t(`console.articles.state.${written?.state ?? "draft"}`)}
        </span>
        <span>{t(`console.articles.language.${open.language}`)}</span>
        {written && <span>{t("console.articles.version", { number: written.version })}</span>}
        {dirty && <span class="unsaved">{t("console.articles.unsaved")}</span>}
        {written?.state === "published" && (
          <a
            href={`/help/${encodeURIComponent(articles.app.value)}/${written.language}/article/${written.id}`}
            target="_blank"
            rel="noopener"
          >
            {t("console.articles.see")}
            <Icon name="external" />
          </a>
        )}
      </p>
      <div class="editor-acts">
        {missing.length > 0 && row && (
          <select
            aria-label={t("console.articles.translate")}
            value=""
            onChange={({ currentTarget }) => {
              if (currentTarget.value) articles.create(currentTarget.value, written);
            }}
          >
            <option value="">{t("console.articles.translate")}</option>
            {missing.map((code) => (
              <option key={code} value={code}>
                {t(`console.articles.language.${code}`)}
              </option>
            ))}
          </select>
        )}
        {dirty && (
          <button type="button" class="button" data-kind="quiet" onClick={() => articles.discard()}>
            {t("console.action.discard")}
          </button>
        )}
        {written?.state === "published" && (
          <button
            type="button"
            class="button"
            aria-disabled={busy}
            onClick={() => {
              if (!busy) void articles.withdraw();
            }}
          >
            {t("console.articles.withdraw")}
          </button>
        )}
        <button
          type="button"
          class="button"
          aria-keyshortcuts="Control+S"
          aria-disabled={busy || !dirty}
          onClick={() => {
            if (!busy && dirty) void articles.save();
          }}
        >
          {t("console.articles.save")}
        </button>
        <button
          type="button"
          class="button"
          data-kind="primary"
          aria-disabled={busy || !publishable}
          onClick={() => {
            if (!busy && publishable) void articles.publish();
          }}
        >
          {t("console.articles.publish")}
        </button>
      </div>
    </header>
  );
}

function Fields({ articles, title }: { articles: Articles; title: { current: HTMLInputElement | null } }) {
  const text = articles.text.value;
  const open = articles.open.value as Open;
  const categories = articles.shelf.value?.categories ?? [];
  return (
    <div class="editor-fields">
      <label class="field">
        <span>{t("console.articles.title")}</span>
        <input
          ref={title}
          value={text.title}
          maxLength={150}
          required
          lang={open.language}
          onInput={({ currentTarget }) => articles.write({ title: currentTarget.value })}
        />
      </label>
      <div class="editor-pair">
        <label class="field">
          <span>{t("console.articles.category")}</span>
          <select
            value={text.category}
            onChange={({ currentTarget }) => articles.write({ category: Number(currentTarget.value) })}
          >
            {categories.map((category) => (
              <option key={category.id} value={category.id}>
                {categoryName(category, open.language)}
              </option>
            ))}
          </select>
        </label>
        {!open.written && !open.translates && (
          <label class="field">
            <span>{t("console.articles.language")}</span>
            <select
              value={open.language}
              onChange={({ currentTarget }) => {
                articles.open.value = { ...open, language: currentTarget.value };
              }}
            >
              {LANGUAGES.map((code) => (
                <option key={code} value={code}>
                  {t(`console.articles.language.${code}`)}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
      <label class="field">
        <span>{t("console.articles.summary")}</span>
        <input
          value={text.summary}
          maxLength={300}
          lang={open.language}
          onInput={({ currentTarget }) => articles.write({ summary: currentTarget.value })}
        />
      </label>
      <label class="field grow">
        <span>{t("console.articles.body")}</span>
        <textarea
          class="markdown"
          value={text.body}
          lang={open.language}
          aria-describedby="markdown-hint"
          onInput={({ currentTarget }) => articles.write({ body: currentTarget.value })}
        />
      </label>
      <p class="hint" id="markdown-hint">
        {t("console.articles.markdown")}
      </p>
    </div>
  );
}
