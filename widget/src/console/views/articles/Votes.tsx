/** What readers said: how many found it useful, and why not. */

import { useEffect } from "preact/hooks";
import { plural, t } from "../../../ui/i18n";
import { fullTime, shortTime } from "../../../ui/time";
import type { Articles } from "../../articles";
import { avoided, usefulShare } from "../../state/articles";

export function Votes({ articles }: { articles: Articles }) {
  const id = articles.open.value?.written?.id;
  const row = articles.row(id);
  useEffect(() => {
    void articles.loadVotes();
  }, [id]);
  const share = row && usefulShare(row);
  return (
    <div class="votes">
      {row && (
        <dl class="figures">
          <Figure name={t("console.articles.figure.views")} value={row.views.toLocaleString()} />
          <Figure name={t("console.articles.figure.useful")} value={share === null ? "–" : `${share} %`} />
          <Figure name={t("console.articles.figure.votes")} value={String(row.useful + row.useless)} />
          <Figure name={t("console.articles.figure.avoided")} value={String(avoided(row))} />
        </dl>
      )}
      <p class="hint">{plural("console.articles.figure.hint", row?.opened ?? 0)}</p>
      <ul>
        {articles.votes.value?.map((vote) => (
          <li key={`${vote.at}-${vote.comment}`}>
            <p>
              <strong>{t(vote.useful ? "console.articles.yes" : "console.articles.no")}</strong>{" "}
              {vote.reasons.map((reason) => t(`console.articles.reason.${reason}`)).join(" · ")}
            </p>
            {vote.comment && <p class="comment">{vote.comment}</p>}
            <p class="soft" title={fullTime(vote.at)}>
              {t("console.articles.version", { number: vote.number })} · {shortTime(vote.at, Date.now())}
            </p>
          </li>
        ))}
      </ul>
      {articles.votes.value?.length === 0 && <p class="soft">{t("console.articles.no_votes")}</p>}
    </div>
  );
}

function Figure({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
