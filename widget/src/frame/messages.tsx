/** The conversation: one polite log that reads out only what is new. */

import { Component, createRef } from "preact";
import { type Bubble, type Row, thread } from "../state/thread";
import { errorText, plural, t } from "../ui/i18n";
import { Icon } from "../ui/icons";
import { Linked } from "../ui/links";
import { signal } from "../ui/signal";
import { clockTime, dayName, daysBetween, fullTime } from "../ui/time";
import type { ItemView } from "../wire";
import { chunk } from "./chunks";
import * as model from "./model";
import { Button, type WithRoom } from "./parts";

/** So close to the end (px) somebody follows the conversation; so close to the beginning they want earlier messages. */
const NEAR = 80;

/** A message that waits longer than this says so: nobody has to wonder whether it is lost. */
const CALM_MS = 4_000;

export class Messages extends Component<WithRoom> {
  readonly #box = createRef<HTMLElement>();
  readonly #unseen = signal(false);
  #rows: Row[] = [];
  #follows = true;
  #first = 0;
  #end = "";
  #height = 0;
  #told = 0;
  #top = 0;
  readonly #stay = () => this.#follows && this.#toEnd();
  /** The keyboard of a phone takes height, a picture that comes in too: who was at the end stays there. */
  readonly #observer = new ResizeObserver(this.#stay);

  override componentDidMount() {
    this.componentDidUpdate();
    this.#observer.observe(this.#box.current as Element);
    document.addEventListener("visibilitychange", this.#tellSeen);
  }

  override componentWillUnmount() {
    this.#observer.disconnect();
    document.removeEventListener("visibilitychange", this.#tellSeen);
  }

  /** Earlier messages push nothing away; new ones are followed by who is at the end, and by who wrote them. */
  override componentDidUpdate() {
    const element = this.#box.current as HTMLElement;
    const first = this.props.room.items[0]?.seq ?? 0;
    const newest = this.#rows.at(-1);
    const bubble = newest?.type === "group" ? newest.bubbles.at(-1) : null;
    const end = (bubble ?? newest)?.key;
    if (first < this.#first) element.scrollTop += element.scrollHeight - this.#height;
    if (end !== this.#end) {
      if (this.#follows || bubble?.sign) this.#toEnd();
      else this.#unseen.value = true;
    }
    this.#first = first;
    this.#end = end ?? "";
    this.#height = element.scrollHeight;
    this.#tellSeen();
  }

  #toEnd() {
    const element = this.#box.current as HTMLElement;
    element.scrollTop = element.scrollHeight;
    this.#unseen.value = false;
  }

  /** What is at the end of the conversation on a page that somebody sees has been read. */
  readonly #tellSeen = () => {
    const { room } = this.props;
    const { id: ticket, last_seq: seq, seen } = room.view;
    const looking = model.open.value && this.#follows && document.visibilityState === "visible";
    if (looking && seq > seen && seq > this.#told && model.send({ type: "seen", ticket, seq }))
      this.#told = seq;
  };

  readonly #scrolled = () => {
    const { scrollTop, scrollHeight, clientHeight } = this.#box.current as HTMLElement;
    // Further from the end than before is also who stayed where they were while something came in.
    if (scrollTop < this.#top) this.#follows = false;
    if (scrollHeight - scrollTop - clientHeight < NEAR) {
      this.#follows = true;
      this.#unseen.value = false;
    }
    this.#top = scrollTop;
    if (scrollTop < NEAR) this.#earlier();
    this.#tellSeen();
  };

  readonly #earlier = () => model.earlier(this.props.room.view.id);

  override render({ room }: WithRoom) {
    const { items, typing, view, more } = room;
    this.#rows = thread(room, model.state.value.pending, (a, b) => !daysBetween(a, b));
    const prepended = (items[0]?.seq ?? 0) < this.#first;
    return (
      <div class="messages">
        <section
          ref={this.#box}
          onScroll={this.#scrolled}
          onLoadCapture={this.#stay}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be scrollable by keyboard
          tabIndex={0}
          aria-label={t("widget.messages")}
        >
          {more && (
            <Button look="quiet" onClick={this.#earlier} aria-busy={room.earlier}>
              {t("widget.earlier")}
            </Button>
          )}
          <div role="log" aria-live={prepended ? "off" : "polite"}>
            {this.#rows.map((row) => (
              <RowView row={row} ticket={view.id} key={row.key} />
            ))}
          </div>
          {typing && typing.until > model.now.value && (
            <p class="soft">{t("widget.typing", { name: typing.name || view.agent })}</p>
          )}
        </section>
        {this.#unseen.value && (
          <Button look="pill" onClick={() => this.#toEnd()}>
            <Icon name="down" />
            {t("widget.new_messages")}
          </Button>
        )}
      </div>
    );
  }
}

function RowView({ row, ticket }: { row: Row; ticket: number }) {
  if (row.type === "day") return <h2 class="day">{dayName(row.at, model.now.value)}</h2>;
  if (row.type === "event") {
    const { item } = row;
    return (
      <>
        <p class="event" title={fullTime(item.at)}>
          {eventWords(item)}
        </p>
        {/* Why it was rejected. */}
        {item.kind === "closed" && item.text && <p class="bubble">{item.text}</p>}
      </>
    );
  }
  const { by, name } = row;
  const own = by === "customer";
  return (
    <div class={`group ${own ? "own" : ""}`}>
      <span class={`${own ? "sr-only" : "author"}`}>
        {own ? t("widget.you") : by === "agent" ? name : t("common.in_copy", { name })}
      </span>
      {row.bubbles.map((bubble) => (
        <BubbleView bubble={bubble} ticket={ticket} key={bubble.key} />
      ))}
      <time title={fullTime(row.at)}>{clockTime(row.at)}</time>
    </div>
  );
}

interface BubbleProps {
  bubble: Bubble;
  ticket: number;
}

function BubbleView({ bubble, ticket }: BubbleProps) {
  const { sign, code, cid, text, files } = bubble;
  const lost = code === "ticket_closed";
  return (
    <div class={`message ${sign}`}>
      {text && (
        <div class="bubble">
          <Linked text={text} />
        </div>
      )}
      {files.length > 0 && <Files bubble={bubble} ticket={ticket} />}
      {sign && (
        <span class="sign" title={t(`widget.sign.${sign}`)}>
          <Icon name={sign} />
          <span class="sr-only">{t(`widget.sign.${sign}`)}</span>
        </span>
      )}
      {sign === "waiting" && model.now.value - bubble.at > CALM_MS && (
        <p class="soft">{t("widget.sign.waiting")}</p>
      )}
      {sign === "failed" && (
        <p class="error">
          {t("widget.not_sent")} {errorText(code)}{" "}
          {!lost && (
            <Button look="quiet" onClick={() => model.sayAgain(cid)}>
              {t("widget.retry")}
            </Button>
          )}
        </p>
      )}
    </div>
  );
}

/** Their names at least. */
function Files({ bubble, ticket }: BubbleProps) {
  const there = chunk("files");
  if (there) return <there.Given bubble={bubble} ticket={ticket} />;
  return <div class="bubble">{bubble.files.map(({ name }) => name).join("\n")}</div>;
}

/** What happened to the ticket, in the customer's terms; nothing for what there are no words for yet. Rare ones have to be fetched. */
function eventWords({ kind, name = "", reason, stars = 0 }: ItemView) {
  const key = `widget.event.${kind}`;
  const said = [t(`${key}.${reason}`), plural(key, stars), t(key, { name })];
  const found = said.find((text) => !text.startsWith(key));
  if (!found) chunk("after");
  return found;
}
