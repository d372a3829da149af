/** The categories of an app: a line for each, with its names by language, its place and what can be done; one is written at a time. */

import { useSignal } from "@preact/signals";
import { locale, t } from "../../../ui/i18n";
import type { Articles } from "../../articles";
import { inWords } from "../../forms";
import { LANGUAGES } from "../../settings";
import type { Category } from "../../state/articles";
import { Dialog } from "../Dialog";
import { Notice } from "./Articles";

interface Props {
  articles: Articles;
  close(): void;
  /** Where there was nowhere to put an article: on to it as soon as there is. */
  goOn: (() => void) | null;
}

export function Categories({ articles, close, goOn }: Props) {
  const categories = articles.shelf.value?.categories ?? [];
  const ids = categories.map((category) => category.id);
  const writing = useSignal<number | "new" | null>(ids.length === 0 ? "new" : null);
  const stop = () => {
    writing.value = null;
  };
  const done = () => {
    stop();
    goOn?.();
  };
  return (
    <Dialog title={t(goOn ? "console.articles.new_category" : "console.articles.categories")} close={close}>
      {categories.length === 0 && <p>{t("console.articles.why_category")}</p>}
      <Notice articles={articles} />
      <ol class="categories">
        {categories.map((category, at) => (
          <li key={category.id}>
            {writing.value === category.id ? (
              <CategoryForm articles={articles} category={category} done={done} cancel={stop} />
            ) : (
              <CategoryLine
                articles={articles}
                category={category}
                at={at}
                ids={ids}
                write={() => {
                  writing.value = category.id;
                }}
              />
            )}
          </li>
        ))}
      </ol>
      {writing.value === "new" ? (
        <CategoryForm
          articles={articles}
          category={null}
          done={done}
          cancel={() => {
            if (ids.length === 0) close();
            stop();
          }}
        />
      ) : (
        <button
          type="button"
          class="button"
          onClick={() => {
            writing.value = "new";
          }}
        >
          {t("console.articles.new_category")}
        </button>
      )}
    </Dialog>
  );
}

interface LineProps {
  articles: Articles;
  category: Category;
  /** Its place among `ids`. */
  at: number;
  ids: readonly number[];
  write(): void;
}

function CategoryLine({ articles, category, at, ids, write }: LineProps) {
  const name = inWords(category.names) || Object.values(category.names)[0] || "";
  const move = (step: 1 | -1) => {
    const order = ids.filter((id) => id !== category.id);
    order.splice(at + step, 0, category.id);
    void articles.category("PUT", "", { ids: order });
  };
  const act = (key: string, does: () => void, possible = true) => (
    <button
      type="button"
      class="button"
      data-kind="quiet"
      aria-label={t("console.articles.of_category", { action: t(key), name })}
      aria-disabled={!possible}
      onClick={() => possible && does()}
    >
      {t(key)}
    </button>
  );
  return (
    <div class="category-line">
      <span class="category-name">
        {name} <span class="soft">{Object.keys(category.names).join(" · ").toUpperCase()}</span>
      </span>
      {act("console.articles.up", () => move(-1), at > 0)}
      {act("console.articles.down", () => move(1), at < ids.length - 1)}
      {act("console.articles.edit", write)}
      {act("console.articles.remove", () => void articles.category("DELETE", category.id, null))}
    </div>
  );
}

interface FormProps {
  articles: Articles;
  category: Category | null;
  done(): void;
  cancel(): void;
}

/** The language of the screen first; the others are folded away, since one name is enough to begin. */
function CategoryForm({ articles, category, done, cancel }: FormProps) {
  const names = useSignal<Record<string, string>>(category?.names ?? {});
  const about = useSignal<Record<string, string>>(category?.about ?? {});
  const changed =
    JSON.stringify([names.value, about.value]) !==
    JSON.stringify([category?.names ?? {}, category?.about ?? {}]);
  const others = LANGUAGES.filter((code) => code !== locale.value);
  const field = (code: string, texts: typeof names, label: string, most: number) => (
    <label class="field">
      <span>{label}</span>
      <input
        lang={code}
        maxLength={most}
        value={texts.value[code] ?? ""}
        onInput={({ currentTarget }) => {
          texts.value = { ...texts.value, [code]: currentTarget.value };
        }}
      />
    </label>
  );
  const fields = (code: string) => {
    const language = t(`console.articles.language.${code}`);
    return (
      <div key={code} class="category-language">
        {field(code, names, t("console.articles.name_in", { language }), 60)}
        {field(code, about, t("console.articles.about"), 200)}
      </div>
    );
  };
  const save = async () => {
    const body = { names: names.value, about: about.value };
    if (await articles.category(category ? "PUT" : "POST", category?.id ?? "", body)) done();
  };
  return (
    <form
      class="category"
      onSubmit={(event) => {
        event.preventDefault();
        if (changed) void save();
      }}
    >
      {fields(locale.value)}
      <details>
        <summary>{t("console.articles.other_languages")}</summary>
        {others.map(fields)}
      </details>
      <div class="category-acts">
        <button type="submit" class="button" data-kind="primary" aria-disabled={!changed}>
          {t(category ? "console.articles.save" : "console.articles.add_category")}
        </button>
        <button type="button" class="button" onClick={cancel}>
          {t("console.action.cancel")}
        </button>
      </div>
    </form>
  );
}
