/** The categories of an app: their names by language, their order, new ones. */

import { useSignal } from "@preact/signals";
import { t } from "../../../ui/i18n";
import type { Articles } from "../../articles";
import { LANGUAGES } from "../../settings";
import type { Category } from "../../state/articles";
import { Dialog } from "../Dialog";
import { Notice } from "./Articles";

export function Categories({ articles, close }: { articles: Articles; close(): void }) {
  const categories = articles.shelf.value?.categories ?? [];
  const ids = categories.map((category) => category.id);
  const move = (at: number, step: 1 | -1) => {
    const order = [...ids];
    const [moved] = order.splice(at, 1);
    if (moved !== undefined) order.splice(at + step, 0, moved);
    void articles.category("PUT", "", { ids: order });
  };
  return (
    <Dialog title={t("console.articles.categories")} close={close}>
      <Notice articles={articles} />
      <ol class="categories">
        {categories.map((category, at) => (
          <li key={category.id}>
            <CategoryForm articles={articles} category={category} />
            <div class="actions">
              <button
                type="button"
                class="button"
                data-kind="quiet"
                aria-disabled={at === 0}
                onClick={() => at > 0 && move(at, -1)}
              >
                {t("console.articles.up")}
              </button>
              <button
                type="button"
                class="button"
                data-kind="quiet"
                aria-disabled={at === ids.length - 1}
                onClick={() => at < ids.length - 1 && move(at, 1)}
              >
                {t("console.articles.down")}
              </button>
              <button
                type="button"
                class="button"
                data-kind="quiet"
                onClick={() => void articles.category("DELETE", category.id, null)}
              >
                {t("console.articles.remove")}
              </button>
            </div>
          </li>
        ))}
      </ol>
      <h3>{t("console.articles.new_category")}</h3>
      <CategoryForm key={`new-${ids.length}`} articles={articles} category={null} />
    </Dialog>
  );
}

function CategoryForm({ articles, category }: { articles: Articles; category: Category | null }) {
  const names = useSignal<Record<string, string>>(category?.names ?? {});
  const about = useSignal<Record<string, string>>(category?.about ?? {});
  const changed =
    JSON.stringify([names.value, about.value]) !==
    JSON.stringify([category?.names ?? {}, category?.about ?? {}]);
  return (
    <form
      class="category"
      onSubmit={(event) => {
        event.preventDefault();
        if (!changed) return;
        const body = { names: names.value, about: about.value };
        void articles.category(category ? "PUT" : "POST", category?.id ?? "", body);
      }}
    >
      {LANGUAGES.map((code) => (
        <div key={code} class="category-language">
          <label class="field">
            <span>{t("console.articles.name_in", { language: t(`console.articles.language.${code}`) })}</span>
            <input
              lang={code}
              maxLength={60}
              value={names.value[code] ?? ""}
              onInput={({ currentTarget }) => {
                names.value = { ...names.value, [code]: currentTarget.value };
              }}
            />
          </label>
          <label class="field">
            <span>{t("console.articles.about")}</span>
            <input
              lang={code}
              maxLength={200}
              value={about.value[code] ?? ""}
              onInput={({ currentTarget }) => {
                about.value = { ...about.value, [code]: currentTarget.value };
              }}
            />
          </label>
        </div>
      ))}
      <button type="submit" class="button" aria-disabled={!changed}>
        {t(category ? "console.articles.save" : "console.articles.add_category")}
      </button>
    </form>
  );
}
