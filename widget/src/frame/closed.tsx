/** After the end: the rating, and the way to go on with whatever could not be said any more. */

import { Component } from "preact";
import { plural, t } from "../ui/i18n";
import { Icon } from "../ui/icons";
import { signal } from "../ui/signal";
import * as model from "./model";
import { Kept } from "./new";
import { Button, type WithRoom } from "./parts";

export function Closed({ room }: WithRoom) {
  const { id, subject, number, rate_until, rating } = room.view;
  const kept = model.kept(id);
  const rateable = rate_until !== null && model.now.value < rate_until;
  return (
    <div class="foot closed">
      <h2 tabIndex={-1}>{t("widget.closed")}</h2>
      {(rateable || rating) && <RatingForm room={room} open={rateable} />}
      {kept && <Kept text={kept} />}
      <Button look="wide" onClick={() => model.goNew(subject, number, kept)}>
        {t("widget.new")}
      </Button>
    </div>
  );
}

const STARS = [1, 2, 3, 4, 5];

/** One tap sends. A comment can follow; both can be changed while the app allows it. */
class RatingForm extends Component<WithRoom & { open: boolean }> {
  readonly #stars = signal(this.props.room.view.rating?.stars ?? 0);
  readonly #comment = signal(this.props.room.view.rating?.comment ?? "");

  #rate(stars: number) {
    this.#stars.value = stars;
    const comment = this.#comment.value.trim();
    model.ask({ type: "rate", ticket: this.props.room.view.id, stars, comment });
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
          {t(rating ? "widget.thanks" : "widget.rate")}
        </p>
        <fieldset disabled={!open} aria-label={t("widget.rate")}>
          {STARS.map((count) => (
            <label key={count} class={`${count <= stars ? "lit" : ""}`}>
              <input type="radio" name="stars" checked={count === stars} onChange={() => this.#rate(count)} />
              <span class="sr-only">{plural("widget.stars", count)}</span>
              <Icon name="star" />
            </label>
          ))}
        </fieldset>
        {open && rating && (
          <textarea
            rows={2}
            maxLength={1000}
            aria-label={t("widget.comment")}
            placeholder={t("widget.comment")}
            value={comment}
            onInput={(event) => {
              this.#comment.value = event.currentTarget.value;
            }}
          />
        )}
        {open && rating && (
          <button type="submit" disabled={told}>
            {t(told && comment ? "widget.sign.sent" : "widget.comment_send")}
          </button>
        )}
      </form>
    );
  }
}
