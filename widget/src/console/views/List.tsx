/** En espera, Mis chats, Solicitudes: 40 px rows, everything by keyboard. */

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { plural, t, tag } from "../../ui/i18n";
import type { AgentTicket, Status } from "../../wire";
import type { Console } from "../console";
import { sound } from "../settings";
import { blocked } from "../sound";
import { load, unreadNotes } from "../state/lists";
import { Row } from "./Row";
import { Found, SearchField } from "./Search";
import { appName, lastLine } from "./words";

const STATUSES: readonly Status[] = ["available", "busy", "away"];

export function List({ console }: { console: Console }) {
  const { me } = console.desk.value;
  const { waiting, mine, requests } = console.lists.value;
  const shown = console.shown.value;
  if (!me) return <ListSkeleton />;
  const section = { console };
  return (
    <section class="list" aria-label={t("console.list.label")}>
      <h1 class="list-title sr-only">{t("console.rail.chats")}</h1>
      <StatusChoice console={console} status={me.status} />
      <Notices console={console} />
      <SearchField console={console} />
      <div class="scroll">
        {console.searching.standing.value.phase === "none" ? (
          <>
            <Section {...section} id="waiting" tickets={waiting.slice(0, shown.waiting)} />
            <Section {...section} id="mine" tickets={mine} />
            <Section {...section} id="requests" tickets={requests.slice(0, shown.requests)} />
          </>
        ) : (
          <Found console={console} />
        )}
      </div>
    </section>
  );
}

function StatusChoice({ console, status }: { console: Console; status: Status }) {
  return (
    <fieldset class="status">
      <legend class="sr-only">{t("console.status.legend")}</legend>
      {STATUSES.map((value) => (
        <label key={value} data-status={value}>
          <input
            type="radio"
            name="status"
            value={value}
            checked={status === value}
            onChange={() => console.setStatus(value)}
          />
          <span>{t(`console.status.${value}`)}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** What keeps chats from coming, and from being heard: said plainly, with the way out beside it. */
function Notices({ console }: { console: Console }) {
  const desk = console.desk.value;
  const waiting = console.lists.value.total.waiting;
  if (!desk.me) return null;
  const { status, capacity } = desk.me;
  const used = load(desk);
  return (
    <>
      {status !== "available" && waiting > 0 && (
        <Notice
          tone="warning"
          action={t("console.notice.be_available")}
          act={() => console.setStatus("available")}
          heir=".status [value=available]"
        >
          {plural(`console.notice.${status}`, waiting)}
        </Notice>
      )}
      {status === "available" && waiting > 0 && used >= capacity && (
        <p class="line notice">{t("console.notice.full", { used, total: capacity })}</p>
      )}
      {sound.value === "on" && blocked.value && <p class="line notice">{t("console.notice.blocked")}</p>}
      {sound.value === "off" && (
        <Notice
          action={t("console.notice.unmute")}
          act={() => {
            sound.value = "on";
          }}
          heir=".status :checked"
        >
          {t("console.notice.muted")}
        </Notice>
      )}
    </>
  );
}

interface NoticeProps {
  tone?: "warning";
  action: string;
  act(): void;
  /** What has the focus next: pressing the button takes it away. */
  heir: string;
  children: ComponentChildren;
}

function Notice({ tone, action, act, heir, children }: NoticeProps) {
  return (
    <p class="line notice" data-tone={tone}>
      <span>{children}</span>
      <button
        type="button"
        class="link"
        onClick={() => {
          act();
          document.querySelector<HTMLElement>(heir)?.focus();
        }}
      >
        {action}
      </button>
    </p>
  );
}

interface SectionProps {
  console: Console;
  id: "waiting" | "mine" | "requests";
  /** Those on the screen. */
  tickets: readonly AgentTicket[];
}

function Section({ console, id, tickets }: SectionProps) {
  const desk = console.desk.value;
  const selected = console.selected.value;
  const online = console.link.value.phase === "live";
  const total = console.lists.value.total[id];
  const noted = new Set(unreadNotes(desk).map(({ ticket }) => ticket));
  const list = useRef<HTMLUListElement>(null);
  const asked = useRef<number | null>(null);
  // The rows that come push the button down, or away: whoever pressed it goes on with the first of them.
  useLayoutEffect(() => {
    if (asked.current === null || tickets.length <= asked.current) return;
    list.current?.querySelectorAll<HTMLElement>(".row")[asked.current]?.focus();
    asked.current = null;
  }, [tickets.length]);
  return (
    <section class="group" aria-labelledby={`list-${id}`}>
      <header>
        <h2 id={`list-${id}`}>{t(`console.list.${id}`)}</h2>
        {total > 0 && <span class="count">{total.toLocaleString(tag())}</span>}
      </header>
      {tickets.length === 0 ? (
        <p class="empty">{t(total > 0 ? "console.loading" : `console.list.${id}_empty`)}</p>
      ) : (
        <ul aria-labelledby={`list-${id}`} ref={list}>
          {tickets.map((ticket) => (
            <Row
              key={ticket.id}
              console={console}
              ticket={ticket}
              list={id}
              selected={ticket.id === selected}
              noted={ticket.id !== selected && noted.has(ticket.id)}
              claimable={online && !desk.busy.has(`claim:${ticket.id}`)}
              last={lastLine(ticket, desk.me?.id)}
              app={appName(desk, ticket)}
            />
          ))}
          {id !== "mine" && total > tickets.length && (
            <More
              left={total - tickets.length}
              comes={online && tickets.length < console.shown.value[id]}
              act={() => {
                asked.current = tickets.length;
                console.showMore(id);
              }}
              able={online}
            />
          )}
        </ul>
      )}
    </section>
  );
}

interface MoreProps {
  /** How many are not on the screen. */
  left: number;
  /** They are on their way. */
  comes: boolean;
  able: boolean;
  act(): void;
}

/** The rest of a list that is too long to be shown at once. A row like the others, so that the arrows lead to it. */
function More({ left, comes, able, act }: MoreProps) {
  return (
    <li class="row-item">
      <button
        type="button"
        class="row-more"
        aria-disabled={comes || !able}
        onClick={() => able && !comes && act()}
      >
        {comes ? t("console.loading") : plural("console.list.more", left)}
      </button>
    </li>
  );
}

function ListSkeleton() {
  return (
    <section class="list" aria-label={t("console.list.label")} aria-busy="true">
      <div class="skeletons" aria-hidden="true">
        {[70, 45, 60, 80, 50, 65].map((width) => (
          <span class="skeleton" style={{ width: `${width}%` }} />
        ))}
      </div>
      <p class="sr-only">{t("console.loading")}</p>
    </section>
  );
}
