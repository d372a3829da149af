/** One ticket: what it is, what was said, what can be done. */

import { useEffect, useRef } from "preact/hooks";
import { t } from "../../ui/i18n";
import type { AgentTicket } from "../../wire";
import type { Console } from "../console";
import { Actions } from "./Actions";
import { CustomerName } from "./CustomerName";
import { Foot } from "./Foot";
import { Icon } from "./icons";
import { Log } from "./Log";
import { appName, stateWord } from "./words";

interface Props {
  console: Console;
  detailsOpen: boolean;
  toggleDetails(): void;
}

export function Conversation({ console, detailsOpen, toggleDetails }: Props) {
  const ticket = console.ticket.value;
  const mark = console.desk.value.me?.apps.find(({ key }) => key === ticket?.app)?.form;
  useEffect(() => {
    if (ticket) console.wantForm(ticket.app);
  }, [ticket?.id, mark]);
  if (console.selected.value === null && console.desk.value.me) return <NothingSelected console={console} />;
  if (!ticket) return <TalkSkeleton />;
  return (
    <section class="talk" key={ticket.id} aria-labelledby="subject">
      <Header console={console} ticket={ticket} detailsOpen={detailsOpen} toggleDetails={toggleDetails} />
      <Log console={console} ticket={ticket} />
      <Foot console={console} ticket={ticket} />
    </section>
  );
}

function Header({ console, ticket, detailsOpen, toggleDetails }: Props & { ticket: AgentTicket }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const from = console.cameFrom.value;
  const app = appName(console.desk.value, ticket);

  // Whoever opened the ticket by keyboard or screen reader goes on here; the composer takes over when it is theirs.
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);

  // What was pressed or written in goes when the ticket is taken or closed: reading goes on here, not nowhere.
  useEffect(() => {
    if (document.activeElement === document.body) heading.current?.focus({ preventScroll: true });
  }, [ticket.state, ticket.agent_id]);

  return (
    <header class="talk-head">
      {from !== null ? (
        <button type="button" class="button" data-kind="quiet" onClick={() => console.back()}>
          <Icon name="back" />
          {t("console.action.back")}
        </button>
      ) : (
        <button type="button" class="button to-list" data-kind="quiet" onClick={() => console.select(null)}>
          <Icon name="back" />
          {t("console.rail.chats")}
        </button>
      )}
      <div class="talk-title">
        <h1 id="subject" ref={heading} tabIndex={-1} title={ticket.subject}>
          {ticket.subject}
        </h1>
        <p class="soft">
          <span class="who-asks">
            <span class="number">#{ticket.number}</span> ·{" "}
            {app && <span class="one-line app-name">{app} ·</span>}{" "}
            <CustomerName customer={ticket.customer} />
          </span>
          <span data-state={ticket.waiting ? "waiting" : ticket.state}>
            <span class="between">· </span>
            {stateWord(ticket)}
          </span>
        </p>
      </div>
      <Actions console={console} ticket={ticket} />
      <button
        type="button"
        class="button to-details"
        data-kind="quiet"
        aria-expanded={detailsOpen}
        aria-controls="details"
        onClick={toggleDetails}
      >
        <Icon name="details" />
        <span>{t("console.action.details")}</span>
      </button>
    </header>
  );
}

function NothingSelected({ console }: { console: Console }) {
  const { waiting, mine, requests } = console.lists.value.total;
  const quiet = console.desk.value.me?.status === "away" ? "away" : "quiet";
  const key = waiting > 0 ? "waiting" : mine > 0 ? "mine" : requests > 0 ? "requests" : quiet;
  return (
    <section class="talk talk-none">
      <div>
        <Icon name="chats" />
        <h1>{t(`console.none.${key}`)}</h1>
        <p class="soft">{t(`console.none.${key}_hint`)}</p>
      </div>
    </section>
  );
}

function TalkSkeleton() {
  return (
    <section class="talk" aria-busy="true">
      <div class="skeletons" aria-hidden="true">
        {[40, 60, 35].map((width) => (
          <span class="skeleton" style={{ width: `${width}%` }} />
        ))}
      </div>
      <p class="sr-only">{t("console.loading")}</p>
    </section>
  );
}
