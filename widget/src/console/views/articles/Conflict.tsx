/** Somebody else saved while this was written: both texts stand side by side, and the author says which one goes on. */

import { t } from "../../../ui/i18n";
import type { Articles } from "../../articles";
import type { Written } from "../../state/articles";

export function Conflict({ articles, theirs }: { articles: Articles; theirs: Written }) {
  return (
    <section class="conflict" aria-labelledby="conflict">
      <h2 id="conflict">{t("console.articles.conflict", { name: theirs.by })}</h2>
      <p>{t("console.articles.conflict_text")}</p>
      <label class="field">
        <span>{t("console.articles.theirs", { name: theirs.by, number: theirs.version })}</span>
        <textarea class="markdown" readOnly value={`${theirs.title}\n\n${theirs.body}`} />
      </label>
      <div class="actions">
        <button type="button" class="button" data-kind="primary" onClick={() => articles.keepMine()}>
          {t("console.articles.keep_mine")}
        </button>
        <button type="button" class="button" onClick={() => articles.takeTheirs()}>
          {t("console.articles.take_theirs")}
        </button>
      </div>
    </section>
  );
}
