/**
 * What comes after a chat, or instead of it: the rating, the way to go on with whatever could not be said any more, a way out of the
 * queue, a request that is in.
 */

import { Component } from "preact";
import { numbered } from "../../state/customer";
import { plural, t } from "../../ui/i18n";
import { Icon } from "../../ui/icons";
import { signal } from "../../ui/signal";
import { when } from "../../ui/time";
import type { File, RequestFrame, Start } from "../../wire";
import { Field, Form, refusal } from "../form";
import {
  ask,
  discard,
  draft,
  files,
  go,
  goNew,
  leaveQueue,
  now,
  type Route,
  saveDraft,
  saveFiles,
  state,
} from "../model";
import { Button, Header, type WithRoom } from "../parts";
import "./after.css";

type NewRoute = Extract<Route, { view: "new" }>;

/** Text that could not be sent any more. */
const Kept = ({ text }: { text: string }) => (
  <p class="kept">
    {t("widget.kept")}
    <q>{text}</q>
  </p>
);

/** Which ticket a new one goes on from, and what could not be said there any more. */
export const Follows = ({ route: { follows, kept } }: { route: Pick<NewRoute, "follows" | "kept"> }) => (
  <>
    <p class="soft">{t("widget.follows", { number: follows })}</p>
    {kept && <Kept text={kept} />}
  </>
);

export function Closed({ room }: WithRoom) {
  const { id, subject, number, rate_until, rating } = room.view;
  const kept = keptOf(id);
  const left = [kept, ...filesOf(id).map(({ name }) => name)].filter(Boolean).join("\n");
  const rateable = now.value < (rate_until ?? 0);
  return (
    <>
      {(rateable || rating) && <RatingForm room={room} open={rateable} />}
      {left && <Kept text={left} />}
      <Button look="wide" onClick={() => goNew(subject, number, kept)}>
        {t("widget.new")}
      </Button>
    </>
  );
}

const refused = (ticket: number) =>
  state.value.pending.filter((one) => one.ticket === ticket && one.sign === "failed");

/** What the person wrote for this ticket and could not say any more: refused messages, then the message box. */
const keptOf = (ticket: number): string =>
  [...refused(ticket).map((one) => one.text), draft(ticket)].filter(Boolean).join("\n");

/** The files of all that. */
const filesOf = (ticket: number): File[] => [
  ...refused(ticket).flatMap((one) => one.files),
  ...files(ticket),
];

/** What could not be said in the closed ticket waits in the new one's message box, unless `frame` said it; files too. */
export function moveKept({ follows, kept }: NewRoute, frame: Start | RequestFrame, ticket: number): void {
  const old = numbered(state.value, follows)?.view.id ?? 0;
  saveDraft(ticket, "text" in frame && frame.text.includes(kept) ? "" : kept);
  saveFiles(ticket, filesOf(old));
  saveDraft(old, "");
  saveFiles(old, []);
  for (const { cid } of state.value.pending.filter((one) => one.ticket === old)) discard(cid);
}

const STARS = [1, 2, 3, 4, 5];

/** One tap sends. A comment can follow; both can be changed while the app allows it. */
class RatingForm extends Component<WithRoom & { open: boolean }> {
  readonly #stars = signal(this.props.room.view.rating?.stars ?? 0);
  readonly #comment = signal(this.props.room.view.rating?.comment ?? "");

  #rate(stars: number) {
    this.#stars.value = stars;
    const comment = this.#comment.value.trim();
    ask({ type: "rate", ticket: this.props.room.view.id, stars, comment });
  }

  override render({ room, open }: WithRoom & { open: boolean }) {
    const { rating } = room.view;
    const stars = this.#stars.value;
    const comment = this.#comment.value;
    const told = comment.trim() === rating?.comment;
    return (
      <form
        class="rating"
        onSubmit={(event) => {
          event.preventDefault();
          this.#rate(stars);
          // The button is about to be disabled, and would take the focus with it.
          (event.currentTarget.firstChild as HTMLElement).focus();
        }}
      >
        <p role="status" tabIndex={-1}>
          {t(rating ? "after.thanks" : "after.ask")}
        </p>
        <fieldset disabled={!open} aria-label={t("after.ask")}>
          {STARS.map((count) => (
            <label class={`${count <= stars ? "lit" : ""}`}>
              <input type="radio" name="stars" checked={count === stars} onChange={() => this.#rate(count)} />
              <span class="sr-only">{plural("after.stars", count)}</span>
              <Icon name="star" />
            </label>
          ))}
        </fieldset>
        {open && rating && (
          <>
            <textarea
              rows={2}
              maxLength={1000}
              aria-label={t("after.comment")}
              placeholder={t("after.comment")}
              value={comment}
              onInput={(event) => {
                this.#comment.value = event.currentTarget.value;
              }}
            />
            <button type="submit" disabled={told}>
              {t(told && comment ? "widget.sign.sent" : "after.comment_send")}
            </button>
          </>
        )}
      </form>
    );
  }
}

/** The way out of the queue that keeps the ticket; or, of one that left it by itself, the address that is not known yet. */
export class Leave extends Component<WithRoom> {
  readonly #busy = signal(false);

  override componentDidMount() {
    if (this.props.room.view.waiting) document.getElementById("email")?.focus();
  }

  async #leave(email: string): Promise<string> {
    this.#busy.value = true;
    const outcome = await leaveQueue(this.props.room.view.id, email);
    this.#busy.value = false;
    return outcome.type === "error" ? refusal(outcome) : "";
  }

  override render({ room }: WithRoom) {
    return (
      <Form
        submit={({ email = "" }) => this.#leave(email)}
        busy={this.#busy.value}
        action={t(room.view.waiting ? "after.leave" : "after.mail")}
      >
        <Field
          name="email"
          label={t("widget.email")}
          value={room.view.email || (state.value.welcome?.customer.email ?? "")}
          required
        />
      </Form>
    );
  }
}

/** When the answer to a request can be expected, and where it comes; until there is one. */
export function Later({ room }: WithRoom) {
  const { email, last } = room.view;
  const { welcome, attention } = state.value;
  if (last?.by === "agent") return null;
  const opens = !attention?.open && attention?.next;
  const where = email ? <p>{answered(email)}</p> : welcome?.mails && <Leave room={room} />;
  if (!opens && !where) return null;
  return (
    <section class="line">
      {opens && <p>{t("widget.hours.next", { when: when(opens, now.value) })}.</p>}
      {where}
    </section>
  );
}

const answered = (email: string) =>
  t(state.value.welcome?.mails ? "widget.later_mailed" : "widget.later_line", { email });

/** The request is in: its number, and what happens next. */
export function Sent({ route }: { route: Extract<Route, { view: "sent" }> }) {
  const { ticket } = route;
  return (
    <>
      <Header title={t("after.sent_title")} />
      <main class="empty done">
        <Icon name="sent" />
        <p class="big">{t("after.sent", { number: route.number })}</p>
        <p class="soft">{answered(route.email)}</p>
        <Button look="primary wide" data-first onClick={() => go({ view: "ticket", ticket })}>
          {t("after.see_ticket")}
        </Button>
      </main>
    </>
  );
}
