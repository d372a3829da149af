/** The search above the list: Enter looks, the arrows lead into what was found, Escape gives the lists back. */

import { useRef } from "preact/hooks";
import { errorText, plural, t } from "../../ui/i18n";
import type { Console } from "../console";
import type { Standing } from "../searching";
import { Row } from "./Row";
import { appName, lastLine } from "./words";

/** The server takes no more. */
const WORDS_MOST = 200;

export function SearchField({ console }: { console: Console }) {
  const { searching } = console;
  const field = useRef<HTMLInputElement>(null);
  return (
    <search class="search">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          searching.ask();
        }}
      >
        <input
          ref={field}
          id="search"
          type="search"
          enterkeyhint="search"
          autocomplete="off"
          aria-label={t("console.search.label")}
          placeholder={t("console.search.hint")}
          maxLength={WORDS_MOST}
          value={searching.text.value}
          onInput={({ currentTarget }) => {
            searching.text.value = currentTarget.value;
            // The cross of the browser's own, too, gives the lists back.
            if (!currentTarget.value) searching.clear();
          }}
          onKeyDown={(event) => {
            if (event.key === "ArrowDown") document.querySelector<HTMLElement>(".list .row")?.focus();
            else if (event.key !== "Escape" || !searching.text.peek()) return;
            else searching.clear();
            event.preventDefault();
          }}
        />
      </form>
    </search>
  );
}

/** In place of the lists. What is held of a ticket is newer than what was found. */
export function Found({ console }: { console: Console }) {
  const standing = console.searching.standing.value;
  const desk = console.desk.value;
  const selected = console.selected.value;
  const online = console.link.value.phase === "live";
  const found = standing.phase === "found" ? standing.tickets : [];
  const clear = () => {
    console.searching.clear();
    document.querySelector<HTMLElement>("#search")?.focus();
  };
  return (
    <section
      class="group found"
      aria-labelledby="search-found"
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.preventDefault();
        clear();
      }}
    >
      <header>
        <h2 id="search-found">{t("console.search.found")}</h2>
        <button type="button" class="link" onClick={clear}>
          {t("console.search.clear")}
        </button>
      </header>
      <p class="empty" role="status" data-phase={standing.phase}>
        {said(standing)}
      </p>
      <ul aria-labelledby="search-found">
        {found.map((one) => {
          const held = desk.tickets.get(one.id);
          const ticket = held && held.version > one.version ? held : one;
          return (
            <Row
              key={ticket.id}
              console={console}
              ticket={ticket}
              list="found"
              selected={ticket.id === selected}
              noted={false}
              claimable={online && !desk.busy.has(`claim:${ticket.id}`)}
              last={lastLine(ticket, desk.me?.id)}
              app={appName(desk, ticket)}
            />
          );
        })}
      </ul>
    </section>
  );
}

function said(standing: Standing): string {
  switch (standing.phase) {
    case "none":
      return "";
    case "asked":
      return t("console.search.asked");
    case "offline":
      return t("console.search.offline");
    case "refused":
      return errorText(standing.error);
    case "found":
      if (standing.tickets.length === 0) return t("console.search.none", { words: standing.words });
      return standing.more
        ? t("console.search.more", { count: standing.tickets.length })
        : plural("console.search.count", standing.tickets.length);
  }
}
