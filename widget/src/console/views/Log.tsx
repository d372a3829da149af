/** The conversation itself: days, runs of messages, what happened, what is on its way. */

import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { errorText, t } from "../../ui/i18n";
import { Linked } from "../../ui/links";
import { clockTime, dayName, fullTime } from "../../ui/time";
import type { AgentTicket, ItemView } from "../../wire";
import { minute, second } from "../clockwork";
import type { Console } from "../console";
import type { Pending } from "../state/desk";
import { calendarDay, type Entry, grouped } from "../state/groups";
import { memo } from "./memo";
import { customerName, systemLine } from "./words";

/** Closer to the end than this (px) counts as reading the newest. */
const NEAR = 80;

export function Log({ console, ticket }: { console: Console; ticket: AgentTicket }) {
  const desk = console.desk.value;
  const thread = desk.threads.get(ticket.id);
  const pending = desk.pending.filter((message) => message.ticket === ticket.id);
  const me = desk.me?.id;
  const entries = useMemo(() => grouped(thread?.items ?? [], calendarDay), [thread?.items]);
  const box = useRef<HTMLDivElement>(null);
  const away = useSignal(false);
  const held = useRef({ first: 0, height: 0 });
  const first = thread?.items[0]?.seq ?? 0;
  const last = thread?.items.at(-1)?.seq ?? 0;

  useLayoutEffect(() => {
    const log = box.current;
    if (!log) return;
    // Earlier items came above: what is being read stays where it is.
    if (held.current.first > first && first > 0) log.scrollTop += log.scrollHeight - held.current.height;
    else if (!away.peek()) log.scrollTop = log.scrollHeight;
    held.current = { first, height: log.scrollHeight };
  }, [first, last, pending.length, thread === undefined]);

  // The composer grows, a line appears above it, a phone's keyboard comes: the newest stays in sight.
  useEffect(() => {
    const log = box.current;
    if (!log) return;
    const watcher = new ResizeObserver(() => {
      if (!away.peek()) log.scrollTop = log.scrollHeight;
    });
    watcher.observe(log);
    return () => watcher.disconnect();
  }, []);

  const onScroll = () => {
    const log = box.current;
    if (log) away.value = log.scrollHeight - log.scrollTop - log.clientHeight > NEAR;
  };
  const toEnd = () => {
    away.value = false;
    box.current?.scrollTo({ top: box.current.scrollHeight });
  };
  const lastOwn = thread?.items.filter((item) => item.by === "agent" && isTalk(item)).at(-1)?.seq;

  return (
    <div class="log-frame">
      <div
        class="log"
        role="log"
        aria-label={t("console.log.label")}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: whoever has no mouse scrolls it with the keys
        tabIndex={0}
        ref={box}
        onScroll={onScroll}
      >
        {!thread && <LogSkeleton />}
        {thread?.more && (
          <button
            type="button"
            class="button log-more"
            data-kind="quiet"
            onClick={() => console.loadHistory(ticket.id)}
          >
            {t("console.log.more")}
          </button>
        )}
        {entries.map((entry) => (
          <EntryView key={entry.key} entry={entry} ticket={ticket} me={me} lastOwn={lastOwn} />
        ))}
        {pending.map((message) => (
          <PendingView
            key={message.cid}
            console={console}
            message={message}
            closed={ticket.state === "closed"}
          />
        ))}
      </div>
      {away.value && (
        <button type="button" class="button to-end" onClick={toEnd}>
          {t("console.log.to_end")}
        </button>
      )}
      <TypingSign console={console} ticket={ticket} />
    </div>
  );
}

interface EntryProps {
  entry: Entry;
  ticket: AgentTicket;
  me: number | undefined;
  lastOwn: number | undefined;
}

function EntryView({ entry, ticket, me, lastOwn }: EntryProps) {
  if (entry.kind === "day") return <DayLine at={entry.at} />;
  if (entry.kind === "event") {
    return (
      <p class="event" title={fullTime(entry.item.at)}>
        {systemLine(entry.item, ticket, me)} · <time>{clockTime(entry.item.at)}</time>
      </p>
    );
  }
  const own = entry.by === "agent";
  const name = !own
    ? customerName(ticket.customer)
    : entry.author === me
      ? t("console.log.you")
      : (entry.items[0]?.name ?? "");
  const seen = own && entry.items.at(-1)?.seq === lastOwn ? ticket.customer_seen >= (lastOwn ?? 0) : null;
  return <Run items={entry.items} own={own} name={name} proposal={ticket.proposal} seen={seen} />;
}

function DayLine({ at }: { at: number }) {
  return (
    <p class="day">
      <span>{dayName(at, minute.value)}</span>
    </p>
  );
}

interface RunProps {
  items: readonly ItemView[];
  own: boolean;
  name: string;
  /** The sequence number of the proposal that waits for its answer. */
  proposal: number | null;
  /** Whether the customer has read it; null where it is not said. */
  seen: boolean | null;
}

const Run = memo(({ items, own, name, proposal, seen }: RunProps) => {
  const end = items.at(-1);
  return (
    <div class="run" data-own={own || undefined}>
      <p class="run-head">
        <b>{name}</b> {end && <time title={fullTime(end.at)}>{clockTime(items[0]?.at ?? end.at)}</time>}
      </p>
      {items.map((item) => (
        <div class="bubble" key={item.seq} data-kind={item.kind} title={fullTime(item.at)}>
          {item.kind === "proposal" && (
            <span class="bubble-mark">
              {t(item.seq === proposal ? "console.log.proposal_open" : "console.log.proposal")}
            </span>
          )}
          <Linked text={item.text ?? ""} />
        </div>
      ))}
      {seen !== null && <p class="delivery">{t(seen ? "console.log.seen" : "console.log.sent")}</p>}
    </div>
  );
});

function PendingView({ console, message, closed }: { console: Console; message: Pending; closed: boolean }) {
  const { error, limit, cid, text } = message;
  return (
    <div class="run" data-own>
      <div
        class="bubble"
        data-kind={message.kind === "propose" ? "proposal" : "message"}
        data-pending={error ? "failed" : "sending"}
      >
        {text}
      </div>
      {error ? (
        <p class="delivery" data-tone="danger" role="alert">
          {t("console.log.failed", { reason: errorText(error, { limit }) })}{" "}
          {!closed && (
            <button type="button" class="link" onClick={() => console.retry(cid)}>
              {t("console.action.retry")}
            </button>
          )}{" "}
          <button type="button" class="link" onClick={() => console.discard(cid)}>
            {t("console.action.discard")}
          </button>
        </p>
      ) : (
        <p class="delivery">
          {t(console.link.value.phase === "live" ? "console.log.sending" : "console.log.queued")}
        </p>
      )}
    </div>
  );
}

function TypingSign({ console, ticket }: { console: Console; ticket: AgentTicket }) {
  const until = console.desk.value.typing.get(ticket.id) ?? 0;
  const on = until > second.value && ticket.state !== "closed";
  return (
    <p class="typing" hidden={!on}>
      <span class="dots" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      {t("console.log.typing", { name: customerName(ticket.customer) })}
    </p>
  );
}

function LogSkeleton() {
  return (
    <div class="skeletons" aria-hidden="true">
      {[45, 60, 30].map((width) => (
        <span class="skeleton" style={{ width: `${width}%` }} />
      ))}
    </div>
  );
}

const isTalk = (item: ItemView): boolean => item.kind === "message" || item.kind === "proposal";
