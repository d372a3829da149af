/** The conversation itself: days, runs of messages, what happened, what is on its way. */

import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { FileList, fileError, isPicture } from "../../ui/files";
import { t } from "../../ui/i18n";
import { Linked } from "../../ui/links";
import { clockTime, dayName, fullTime } from "../../ui/time";
import type { AgentTicket, ItemView, NoteView } from "../../wire";
import { minute, second } from "../clockwork";
import type { Console } from "../console";
import { byMail, mailOf, mailOfNote, type Piece } from "../mail";
import type { Pending } from "../state/desk";
import { calendarDay, type Entry, grouped, latest, within } from "../state/groups";
import { lastOf } from "../state/notes";
import { useCopying } from "./copying";
import { Icon } from "./icons";
import { MailDialog } from "./MailDialog";
import { memo } from "./memo";
import { authorName, customerName, systemLine } from "./words";

/** Closer to the end than this (px) counts as reading the newest. */
const NEAR = 80;
/** A thumbnail is made a moment after its picture came: in a message older than this (ms) none is waited for. */
const FRESH = 60_000;
/** Messages and notes on the screen at first, and so many more at a press: with a heading for the day of each, 200 elements. */
const DRAWN = 100;

export function Log({ console, ticket }: { console: Console; ticket: AgentTicket }) {
  const desk = console.desk.value;
  const thread = desk.threads.get(ticket.id);
  const pending = desk.pending.filter((message) => message.ticket === ticket.id);
  const me = desk.me?.id;
  const notes = desk.notes.get(ticket.id);
  const box = useRef<HTMLDivElement>(null);
  const away = useSignal(false);
  const drawn = useSignal(DRAWN);
  const held = useRef({ first: 0, height: 0 });
  const top = useRef(0);
  const last = thread?.items.at(-1)?.seq ?? 0;
  const newest = last + lastOf(notes);
  // What comes while somebody reads further up takes nothing away above them.
  const read = useRef(newest);
  if (!away.value) read.current = newest;
  const most = drawn.value + newest - read.current;
  const end = useMemo(
    () => latest(thread?.items ?? [], within(notes ?? [], thread?.items ?? [], thread?.more ?? false), most),
    [thread?.items, thread?.more, notes, most],
  );
  const entries = useMemo(() => (thread ? grouped(end.items, calendarDay, end.notes) : []), [thread, end]);
  // Both are numbered without a gap: less than before is something earlier.
  const first = (end.items[0]?.seq ?? last + 1) + (end.notes[0]?.seq ?? lastOf(notes) + 1);

  useLayoutEffect(() => {
    const log = box.current;
    if (!log) return;
    // Earlier items came above: what is being read stays where it is.
    if (thread && held.current.first > first) log.scrollTop += log.scrollHeight - held.current.height;
    else if (!away.peek()) log.scrollTop = log.scrollHeight;
    held.current = { first, height: log.scrollHeight };
  }, [first, newest, pending.length, thread === undefined]);

  // The composer grows, a line appears above it, a phone's keyboard or a picture comes: the newest stays in sight.
  const stay = () => {
    const log = box.current;
    if (log && !away.peek()) log.scrollTop = log.scrollHeight;
  };
  useEffect(() => {
    const watcher = new ResizeObserver(stay);
    if (box.current) watcher.observe(box.current);
    return () => watcher.disconnect();
  }, []);

  const onScroll = () => {
    const log = box.current;
    if (!log) return;
    // Further from the end than before is also who stayed where they were while something came in.
    if (log.scrollTop < top.current) away.value = true;
    if (log.scrollHeight - log.scrollTop - log.clientHeight <= NEAR) away.value = false;
    top.current = log.scrollTop;
  };
  const toEnd = () => {
    away.value = false;
    box.current?.scrollTo({ top: box.current.scrollHeight });
  };
  const earlier = () => {
    drawn.value += DRAWN;
    if (end.before === 0) console.loadHistory(ticket.id);
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
        onLoadCapture={stay}
      >
        {!thread && <LogSkeleton />}
        {(thread?.more || end.before > 0) && (
          <button type="button" class="button log-more" data-kind="quiet" onClick={earlier}>
            {t("console.log.more")}
          </button>
        )}
        {entries.map((entry) => (
          <EntryView
            key={entry.key}
            console={console}
            entry={entry}
            ticket={ticket}
            me={me}
            lastOwn={lastOwn}
          />
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
  console: Console;
  entry: Entry;
  ticket: AgentTicket;
  me: number | undefined;
  lastOwn: number | undefined;
}

function EntryView({ console, entry, ticket, me, lastOwn }: EntryProps) {
  if (entry.kind === "day") return <DayLine at={entry.at} />;
  if (entry.kind === "event") {
    return (
      <p class="event" title={fullTime(entry.item.at)}>
        {systemLine(entry.item, ticket, me, console.form(ticket.app))} ·{" "}
        <time>{clockTime(entry.item.at)}</time>
      </p>
    );
  }
  if (entry.kind === "note") return <Note console={console} ticket={ticket.id} note={entry.note} me={me} />;
  const own = entry.by === "agent";
  const name = authorName(entry.items[0], ticket, me);
  const seen = own && entry.items.at(-1)?.seq === lastOwn ? ticket.customer_seen >= (lastOwn ?? 0) : null;
  return (
    <Run
      console={console}
      ticket={ticket.id}
      items={entry.items}
      own={own}
      name={name}
      proposal={ticket.proposal}
      seen={seen}
    />
  );
}

/** Only agents see it: it looks like nothing that anybody said to the customer. */
interface NoteProps {
  console: Console;
  ticket: number;
  note: NoteView;
  me: number | undefined;
}

const Note = memo(({ console, ticket, note, me }: NoteProps) => (
  <div class="note" title={fullTime(note.at)}>
    <p class="note-head">
      <NoteMark /> <b>{note.author === me ? t("console.log.you") : note.name}</b>{" "}
      <time>{clockTime(note.at)}</time>
    </p>
    <p class="note-text">
      <Linked text={note.text} />
    </p>
    {note.mail && (
      <ByMail
        console={console}
        ticket={ticket}
        place={mailOfNote(ticket, note.seq)}
        verified={note.verified ?? false}
      />
    )}
    {note.mail && <WriterInCopy console={console} ticket={ticket} note={note} />}
  </div>
));

/** Whoever wrote about the ticket gets answers once its agent says so: who a mail is from is a claim. */
function WriterInCopy({ console, ticket: id, note }: Omit<NoteProps, "me">) {
  const { tickets, threads, me } = console.desk.value;
  const { busy, copy, refused } = useCopying(console, id, `note ${note.seq}`);
  const address = note.name;
  const ticket = tickets.get(id);
  const copied = threads.get(id)?.form?.cc.includes(address);
  if (copied)
    return (
      <p class="note-copy" role="status">
        {t("console.mail.copied", { addresses: address })}
      </p>
    );
  if (ticket?.agent_id !== me?.id || ticket?.state === "closed") return null;
  return (
    <p class="note-copy">
      <button type="button" class="link" disabled={busy} onClick={() => copy([address])}>
        {t("console.mail.copy_writer", { address })}
      </button>
      {refused && (
        <span class="delivery" data-tone="danger" role="alert">
          {refused}
        </span>
      )}
    </p>
  );
}

function NoteMark() {
  return (
    <span class="note-mark">
      <Icon name="note" />
      {t("console.note.mark")}
    </span>
  );
}

function DayLine({ at }: { at: number }) {
  return (
    <p class="day">
      <span>{dayName(at, minute.value)}</span>
    </p>
  );
}

interface RunProps {
  console: Console;
  ticket: number;
  items: readonly ItemView[];
  own: boolean;
  name: string;
  /** The sequence number of the proposal that waits for its answer. */
  proposal: number | null;
  /** Whether the customer has read it; null where it is not said. */
  seen: boolean | null;
}

const Run = memo(({ console, ticket, items, own, name, proposal, seen }: RunProps) => {
  const end = items.at(-1);
  return (
    <div class="run" data-own={own || undefined}>
      <p class="run-head">
        <b>{name}</b> {end && <time title={fullTime(end.at)}>{clockTime(items[0]?.at ?? end.at)}</time>}
      </p>
      {items.map((item, at) => (
        <div class="bubble" key={item.seq} data-kind={item.kind} title={fullTime(item.at)}>
          {item.kind === "proposal" && (
            <span class="bubble-mark">
              {t(item.seq === proposal ? "console.log.proposal_open" : "console.log.proposal")}
            </span>
          )}
          {item.text && (
            <span class="said">
              <Linked text={item.text} />
            </span>
          )}
          {byMail(item.reason) && !goesOn(item, items[at + 1]) && (
            <ByMail
              console={console}
              ticket={ticket}
              place={mailOf(ticket, item.seq)}
              verified={item.reason === "mail"}
            />
          )}
          {item.files && <ItemFiles console={console} ticket={ticket} item={item} />}
        </div>
      ))}
      {seen !== null && <p class="delivery">{t(seen ? "console.log.seen" : "console.log.sent")}</p>}
    </div>
  );
});

/** A long mail is several messages, all of one moment: what belongs to it stands below the last of them. */
const goesOn = (item: ItemView, next: ItemView | undefined): boolean =>
  next !== undefined && byMail(next.reason) && next.at === item.at;

interface ByMailProps {
  console: Console;
  ticket: number;
  /** Where the mail is to be had. */
  place: string;
  verified: boolean;
}

/** What belongs to a message that came by mail: what its author copied is folded, the original a press away. */
function ByMail({ console, ticket, place, verified }: ByMailProps) {
  const open = useSignal(false);
  const folded = useSignal<readonly Piece[] | null>(null);
  const problem = useSignal(false);
  const unfold = async () => {
    const answer = await console.mail(place);
    problem.value = answer.kind !== "done";
    if (answer.kind === "done") folded.value = answer.value.pieces.filter(({ kind }) => kind !== "said");
  };
  return (
    <span class="by-mail">
      {folded.value?.map((piece) => (
        <span class="folded">{piece.text.trim()}</span>
      ))}
      <span class="by-mail-foot">
        <Icon name="mail" />
        {t(verified ? "console.mail.by" : "console.mail.by_unverified")}
        {folded.value === null ? (
          <button type="button" class="link" onClick={unfold}>
            {t("console.mail.unfold")}
          </button>
        ) : (
          folded.value.length === 0 && <span>{t("console.mail.nothing_folded")}</span>
        )}
        {folded.value !== null && folded.value.length > 0 && (
          <button
            type="button"
            class="link"
            onClick={() => {
              folded.value = null;
            }}
          >
            {t("console.mail.fold")}
          </button>
        )}
        <button
          type="button"
          class="link"
          onClick={() => {
            open.value = true;
          }}
        >
          {t("console.mail.see")}
        </button>
      </span>
      {problem.value && (
        <span class="delivery" data-tone="danger" role="alert">
          {t("console.mail.unreachable")}
        </span>
      )}
      {open.value && (
        <MailDialog
          console={console}
          ticket={ticket}
          place={place}
          close={() => {
            open.value = false;
          }}
        />
      )}
    </span>
  );
}

/** The files of a message. Of pictures the links are asked for at once, for what is shown of them. */
function ItemFiles({ console, ticket, item }: { console: Console; ticket: number; item: ItemView }) {
  const files = item.files ?? [];
  console.linksMoved.value;
  const links = console.links.of(ticket, item.seq);
  const live = console.link.value.phase === "live";
  useEffect(() => {
    const pictures = files.filter(isPicture).map(({ id }) => id);
    const fresh = console.now() - item.at < FRESH;
    if (live && pictures.length) console.links.look(ticket, item.seq, fresh ? pictures : []);
  }, [links, live]);
  return (
    <FileList
      files={files}
      links={links?.files}
      open={(file) => console.links.save(ticket, item.seq, file.id)}
    />
  );
}

function PendingView({ console, message, closed }: { console: Console; message: Pending; closed: boolean }) {
  const { error, limit, cid, text, files, kind } = message;
  const note = kind === "note";
  return (
    <div class={note ? "note" : "run"} data-own={!note || undefined}>
      {note && (
        <p class="note-head">
          <NoteMark />
        </p>
      )}
      <div
        class={note ? "note-text" : "bubble"}
        data-kind={kind === "propose" ? "proposal" : "message"}
        data-pending={error ? "failed" : "sending"}
      >
        {text}
        {files.length > 0 && (
          <ul class="files-waiting">
            {files.map(({ id, name }) => (
              <li key={id}>{name}</li>
            ))}
          </ul>
        )}
      </div>
      {error ? (
        <p class="delivery" data-tone="danger" role="alert">
          {t("console.log.failed", { reason: fileError(error, limit) })}{" "}
          {(note || !closed) && (
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
