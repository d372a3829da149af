/** One ticket in a list. Drawn again only when its ticket changes; the running time is a part of its own. */

import { countdown } from "../../state/clock";
import { t } from "../../ui/i18n";
import { fullTime, minutesSeconds, shortTime } from "../../ui/time";
import type { AgentTicket } from "../../wire";
import { second } from "../clockwork";
import type { Console } from "../console";
import { claimable as canClaim } from "../state/lists";
import { Avatar } from "./Avatar";
import { CustomerName } from "./CustomerName";
import { Icon, type IconName } from "./icons";
import { memo } from "./memo";
import { customerName } from "./words";

/** From here on a priority is worth a word in a list. */
const PRESSING = 3;

interface Props {
  console: Console;
  ticket: AgentTicket;
  list: "waiting" | "mine" | "requests" | "found";
  selected: boolean;
  /** A mail said something about it that nobody has read. */
  noted: boolean;
  /** Taking is possible just now. */
  claimable: boolean;
  last: string;
  /** Which app it comes from; "" where the agent serves one. */
  app: string;
}

export const Row = memo(({ console, ticket, list, selected, noted, claimable, last, app }: Props) => {
  const { subject, customer } = ticket;
  const name = customerName(customer);
  const unread = list === "waiting" || selected ? 0 : ticket.unread;
  // Of the selected row the conversation offers the button: there is one "Tomar" per ticket on the screen.
  const offered = canClaim(ticket) && !selected;
  return (
    <li class="row-item">
      <button
        type="button"
        class="row"
        data-ticket={ticket.id}
        data-unread={unread > 0 || noted || undefined}
        aria-current={selected ? "true" : undefined}
        onClick={() => console.select(ticket.id)}
      >
        <Avatar name={customer.claimed || name} alias={customer.alias} status={presence(ticket)} />
        <span class="row-top">
          <span class="row-subject">
            {list === "found" && <span class="soft">#{ticket.number} </span>}
            {subject}
          </span>
          <RowTime ticket={ticket} list={list} />
        </span>
        <span class="row-bottom">
          {ticket.source !== "chat" && (
            <span class="row-source" title={t(`console.source.${ticket.source}`)}>
              <Icon name={ticket.source} />
              <span class="sr-only">{t(`console.source.${ticket.source}`)}</span>
            </span>
          )}
          <span class="row-last">
            <CustomerName customer={customer} />{" "}
            <span class="row-said">
              {app && `· ${app} `}
              {last && `· ${last}`}
            </span>
          </span>
          {(ticket.state === "pending" || ticket.state === "closed") && (
            <span class="chip" data-state={ticket.state}>
              {t(`console.state.${ticket.state}`)}
            </span>
          )}
          {ticket.priority >= PRESSING && (
            <span class="chip" data-priority={ticket.priority}>
              {t(`form.priority.${ticket.priority}`)}
            </span>
          )}
          {noted && (
            <span class="badge" data-kind="note" title={t("console.row.noted")}>
              <Icon name="note" />
              <span class="sr-only"> {t("console.row.noted")}</span>
            </span>
          )}
          {unread > 0 && (
            <span class="badge">
              {unread}
              <span class="sr-only"> {t("console.row.unread")}</span>
            </span>
          )}
        </span>
      </button>
      {offered && (
        <button
          type="button"
          class="button row-take"
          data-kind="soft"
          aria-disabled={!claimable}
          onClick={() => claimable && console.claim(ticket.id)}
        >
          {t("console.action.claim")}
        </button>
      )}
    </li>
  );
});

/** The one time that matters in this list: waiting since, closing in, or the last word. */
function RowTime({ ticket, list }: { ticket: AgentTicket; list: Props["list"] }) {
  const now = second.value;
  if (list === "waiting" && ticket.queued_at !== null) {
    const seconds = Math.max(0, (now - ticket.queued_at) / 1000);
    return (
      <span
        class="row-time"
        data-tone={seconds >= 60 ? "warning" : undefined}
        title={fullTime(ticket.queued_at)}
      >
        <span class="sr-only">{t("console.row.waits")} </span>
        {waited(seconds)}
      </span>
    );
  }
  const end = countdown(ticket.clock, now);
  if (list === "mine" && end.phase === "warning") {
    return <Countdown icon="closing" says={t("console.row.closes")} left={end.left} tone="danger" />;
  }
  const due = ticket.answer_due_at;
  if (list === "mine" && due !== null && due > now) {
    const left = Math.ceil((due - now) / 1000);
    return <Countdown icon="answer" says={t("console.row.answer")} left={left} tone="warning" />;
  }
  const at = ticket.last?.at ?? ticket.opened_at;
  return (
    <span class="row-time" title={fullTime(at)}>
      {shortTime(at, now)}
    </span>
  );
}

interface CountdownProps {
  icon: IconName;
  says: string;
  /** Seconds. */
  left: number;
  tone: "warning" | "danger";
}

/** A time alone does not say what happens at its end. */
function Countdown({ icon, says, left, tone }: CountdownProps) {
  const time = minutesSeconds(left);
  return (
    <span class="row-time" data-tone={tone} title={`${says} ${time}`}>
      <Icon name={icon} />
      <span class="sr-only">{says} </span>
      {time}
    </span>
  );
}

function waited(seconds: number): string {
  if (seconds < 3600) return minutesSeconds(seconds);
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

function presence(ticket: AgentTicket): "here" | "gone" | undefined {
  if (!ticket.clock) return undefined;
  return ticket.clock.gone_at === null ? "here" : "gone";
}
