/** Below the conversation: whose turn the clock says it is, and the place to write, or why there is none. */

import { countdown } from "../../state/clock";
import { fileError } from "../../ui/files";
import { t } from "../../ui/i18n";
import { clockTime, dayName, duration, fullTime, minutesSeconds, when } from "../../ui/time";
import type { AgentTicket } from "../../wire";
import { minute, second } from "../clockwork";
import type { Console, Doing } from "../console";
import type { Refusal } from "../state/desk";
import { claimable } from "../state/lists";
import { fieldName } from "./answers";
import { Composer } from "./Composer";
import { notCopied } from "./copying";
import { Icon } from "./icons";
import { Stars } from "./Stars";
import { closedLine, customerName } from "./words";

/** The verbs that are refused in their dialog (Verbs.tsx). */
const ASKED_BACK: Record<string, Doing> = { pend: "pending", send_back: "sending_back", reject: "rejecting" };

interface Props {
  console: Console;
  ticket: AgentTicket;
}

export function Foot({ console, ticket }: Props) {
  const desk = console.desk.value;
  const mine = ticket.agent_id === desk.me?.id;
  return (
    <footer class="foot">
      {desk.refusal?.ticket === ticket.id && !toldElsewhere(console, desk.refusal) && (
        <Refused refusal={desk.refusal} ticket={ticket} />
      )}
      {ticket.state === "closed" ? (
        <Closed console={console} ticket={ticket} />
      ) : claimable(ticket) ? (
        <Take console={console} ticket={ticket} />
      ) : mine ? (
        <>
          <ClockLine ticket={ticket} />
          <PendingLine console={console} ticket={ticket} />
          <Composer console={console} ticket={ticket} answers />
          <Reaches console={console} ticket={ticket} />
        </>
      ) : (
        <Elsewhere console={console} ticket={ticket} />
      )}
      {(ticket.state === "closed" || !mine) && <NoteOnly console={console} ticket={ticket} />}
    </footer>
  );
}

/** Where it was pressed, as long as that is on the screen. */
function toldElsewhere(console: Console, { verb }: Refusal): boolean {
  if (verb === "copy") return console.copying.value !== "";
  return ASKED_BACK[verb] !== undefined && ASKED_BACK[verb] === console.doing.value;
}

function Refused({ refusal, ticket }: { refusal: Refusal; ticket: AgentTicket }) {
  return (
    <p class="line" data-tone="warning" role="alert">
      {whyRefused(refusal, ticket)}
    </p>
  );
}

function whyRefused(refusal: Refusal, { agent }: AgentTicket): string {
  const { verb, code, limit } = refusal;
  if (verb === "classify" && code === "bad_form") return t("console.refused.classify");
  if (verb === "copy") return notCopied(refusal);
  // Only for taking does "nobody waits any more" have a plain reason: a colleague was faster.
  if (verb !== "claim" || code !== "ticket_not_waiting") return fileError(code, limit);
  return agent ? t("console.refused.taken_by", { name: agent }) : t("console.refused.taken");
}

/** Where the customer cannot be answered, notes are written all the same. */
function NoteOnly({ console, ticket }: Props) {
  if (console.writing.value === "note") return <Composer console={console} ticket={ticket} answers={false} />;
  return (
    <button
      type="button"
      class="button note-only"
      data-kind="quiet"
      aria-keyshortcuts="n"
      onClick={() => console.write(ticket.id, "note")}
    >
      <Icon name="note" />
      {t("console.note.write")}
    </button>
  );
}

function Take({ console, ticket }: Props) {
  const busy = console.desk.value.busy.has(`claim:${ticket.id}`);
  const off = busy || console.link.value.phase !== "live";
  return (
    <div class="take">
      <p>
        {ticket.queued_at !== null ? (
          <WaitingLine name={customerName(ticket.customer)} since={ticket.queued_at} />
        ) : (
          t(ticket.email ? "console.foot.request_mail" : "console.foot.request", { email: ticket.email })
        )}
      </p>
      <button
        type="button"
        class="button"
        data-kind="primary"
        aria-keyshortcuts="t"
        aria-disabled={off}
        onClick={() => !off && console.claim(ticket.id)}
      >
        {t("console.action.claim")}
      </button>
    </div>
  );
}

/** A colleague's: it can be read, and does not follow by itself. */
function Elsewhere({ console, ticket }: Props) {
  return (
    <p class="line elsewhere">
      <span>
        {ticket.agent && `${t("console.foot.attended", { name: ticket.agent })} `}
        {t("console.foot.still")}
      </span>
      <button type="button" class="link" onClick={() => console.refresh(ticket.id)}>
        {t("console.action.refresh")}
      </button>
    </p>
  );
}

function WaitingLine({ name, since }: { name: string; since: number }) {
  const seconds = Math.max(0, Math.floor((second.value - since) / 1000));
  return (
    <>
      {t("console.foot.waits", { name, time: seconds < 3600 ? minutesSeconds(seconds) : duration(seconds) })}
    </>
  );
}

/** The one clock that matters now: my first answer, or the customer's silence. Quiet as long as there is time. */
function ClockLine({ ticket }: { ticket: AgentTicket }) {
  const now = second.value;
  const name = customerName(ticket.customer);
  if (ticket.answer_due_at !== null) {
    const left = Math.max(0, Math.ceil((ticket.answer_due_at - now) / 1000));
    return (
      <p class="line clock" data-tone="warning">
        {t("console.clock.answer", { time: minutesSeconds(left) })}
      </p>
    );
  }
  if (ticket.reminded) {
    return (
      <p class="line clock" data-tone="warning">
        {t("console.clock.reminded", { name })}
      </p>
    );
  }
  const gone = ticket.clock?.gone_at != null;
  const end = countdown(ticket.clock, now);
  if (end.phase === "still" || (end.phase === "quiet" && !gone)) return null;
  const time = minutesSeconds(end.left);
  if (end.phase === "over") return <p class="line clock">{t("console.clock.over")}</p>;
  if (gone && ticket.clock?.turn === "agent") {
    const key = ticket.clock.email ? "console.clock.gone_later" : "console.clock.gone";
    return (
      <p class="line clock" data-tone={end.phase === "warning" ? "warning" : undefined}>
        {t(key, { name, time })}
      </p>
    );
  }
  if (end.phase === "quiet") return <p class="line clock">{t("console.clock.away", { name })}</p>;
  return (
    <p class="line clock" data-tone="warning">
      {t("console.clock.silent", { name, time })}
    </p>
  );
}

/** Whose move it is, and until when: of a ticket that waits for its customer. */
function PendingLine({ console, ticket }: Props) {
  if (ticket.state !== "pending") return null;
  const form = console.form(ticket.app);
  const name = customerName(ticket.customer);
  const fields = ticket.missing.map((field) => fieldName(form, field)).join(", ");
  return (
    <p class="line pending">
      <span>
        {fields ? t("console.pending.missing", { name, fields }) : t("console.pending.waits", { name })}{" "}
        {ticket.closes_at !== null &&
          t("console.pending.closes", { when: when(ticket.closes_at, minute.value) })}
      </span>
      <button type="button" class="link" aria-keyshortcuts="w" onClick={() => console.takeBack(ticket.id)}>
        {t("console.action.take_back")}
      </button>
    </p>
  );
}

/** How what is written reaches a customer who is not in a chat. */
function Reaches({ console, ticket }: Props) {
  if (ticket.mode !== "later") return null;
  const address = ticket.email || ticket.customer.email;
  const mails = console.desk.value.me?.apps.find(({ key }) => key === ticket.app)?.mails;
  if (ticket.mail_problem && address)
    return (
      <p class="reaches" data-tone="danger">
        <Icon name="alert" />
        {t("console.reaches.not", { email: address })}
      </p>
    );
  const key = mails && address ? "mail" : address || ticket.source !== "chat" ? "portal" : "widget";
  return (
    <p class="reaches">
      <Icon name={key === "mail" ? "mail" : "answer"} />
      {t(`console.reaches.${key}`, { email: address })}
    </p>
  );
}

function Closed({ console, ticket }: Props) {
  const draft = console.draft(ticket.id);
  const at = ticket.closed_at ?? 0;
  return (
    <div class="closed">
      <p>
        <b>{closedLine(ticket.close_reason ?? "", customerName(ticket.customer))}</b>{" "}
        <time class="soft" title={fullTime(at)}>
          {dayName(at, minute.value)}, {clockTime(at)}
        </time>
      </p>
      {ticket.rating ? (
        <p class="rating">
          <Stars count={ticket.rating.stars} />
          {ticket.rating.comment && <q>{ticket.rating.comment}</q>}
        </p>
      ) : (
        ticket.answered_at !== null && <p class="soft">{t("console.foot.unrated")}</p>
      )}
      {draft && (
        <p class="kept">
          <span class="soft">{t("console.foot.kept")}</span> {draft}
        </p>
      )}
    </div>
  );
}
