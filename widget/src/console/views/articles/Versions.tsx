/** Every text that was saved: who, when, and a way back. */

import { useEffect } from "preact/hooks";
import { t } from "../../../ui/i18n";
import { fullTime, shortTime } from "../../../ui/time";
import type { Articles } from "../../articles";

export function Versions({ articles, restored }: { articles: Articles; restored(): void }) {
  const written = articles.open.value?.written;
  useEffect(() => {
    void articles.loadVersions();
  }, [written?.version]);
  return (
    <ol class="versions">
      {articles.versions.value?.map(({ number, title, by, at }) => (
        <li key={number}>
          <span class="version-number">{t("console.articles.version", { number })}</span>
          <span class="version-title">{title}</span>
          <span class="soft" title={fullTime(at)}>
            {by} · {shortTime(at, Date.now())}
          </span>
          {number === written?.shown && (
            <span class="state" data-state="published">
              {t("console.articles.shown")}
            </span>
          )}
          {number !== written?.version && (
            <button
              type="button"
              class="button"
              onClick={async () => {
                await articles.restore(number);
                restored();
              }}
            >
              {t("console.articles.restore", { number })}
            </button>
          )}
        </li>
      ))}
    </ol>
  );
}
