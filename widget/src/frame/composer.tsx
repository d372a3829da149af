/** The message box: grows to five lines, Enter sends, Shift+Enter breaks, and what stands in it survives a reload. */

import { Component, createRef, type TargetedKeyboardEvent } from "preact";
import { t } from "../ui/i18n";
import { signal } from "../ui/signal";
import { chunk } from "./chunks";
import * as model from "./model";
import { Button, Late, type WithRoom } from "./parts";

const MAX = 8_000;
/** From here on the characters left are counted out. */
const NEAR_MAX = 7_500;
const TYPING_EVERY_MS = 3_000;

interface Props extends WithRoom {
  /** "Finalizar chat" was pressed. */
  end: () => void;
}

export class Composer extends Component<Props> {
  readonly #box = createRef<HTMLTextAreaElement>();
  readonly #text = signal(model.draft(this.props.room.view.id));
  #typedAt = 0;
  /** It was sent, and goes out when all of its files are up. */
  readonly #due = signal(false);

  override componentDidMount() {
    this.componentDidUpdate();
  }

  override componentDidUpdate() {
    const box = this.#box.current as HTMLTextAreaElement;
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight}px`;
    if (this.#due.value) this.#send();
  }

  override componentWillUnmount() {
    this.#stopTyping();
  }

  #typing(on: boolean) {
    model.send({ type: "typing", ticket: this.props.room.view.id, on });
  }

  #stopTyping() {
    if (this.#typedAt) this.#typing(false);
    this.#typedAt = 0;
  }

  #set(text: string) {
    this.#text.value = text;
    model.saveDraft(this.props.room.view.id, text);
  }

  #typed(text: string) {
    this.#set(text);
    if (!text.trim()) this.#stopTyping();
    else if (Date.now() - this.#typedAt >= TYPING_EVERY_MS) {
      this.#typedAt = Date.now();
      this.#typing(true);
    }
  }

  #submit(event: Event) {
    event.preventDefault();
    this.#box.current?.focus();
    this.#send();
  }

  #send() {
    const { id } = this.props.room.view;
    const text = this.#text.value.trim();
    const there = chunk("files");
    const wait = there?.waiting(id);
    this.#due.value = wait === "due";
    if (wait || [...text].length > MAX) return;
    const files = there?.uploads.take(id) ?? [];
    if (!text && !files.length) return;
    // The message itself says that the typing is over.
    this.#typedAt = 0;
    this.#set("");
    model.say(id, text, files);
  }

  #key(event: TargetedKeyboardEvent<HTMLTextAreaElement>) {
    // While an input method composes, Enter chooses a word; 229 is how some browsers say so.
    const sends = event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229;
    if (sends) this.#submit(event);
  }

  override render({ end, room }: Props) {
    const { id, mode } = room.view;
    const there = chunk("files");
    const hints = chunk("hints");
    const empty = !this.#text.value.trim() && !there?.uploads.of(id).length;
    const text = this.#text.value;
    const left = text.length > NEAR_MAX ? MAX - [...text].length : NEAR_MAX;
    return (
      <form class="composer" onSubmit={(event) => this.#submit(event)}>
        <Late name="files" quiet>
          {({ Choosing }) => <Choosing place={id} due={this.#due.value} />}
        </Late>
        <textarea
          ref={this.#box}
          rows={1}
          value={text}
          aria-label={t("widget.write")}
          placeholder={t("widget.write")}
          aria-describedby="hint"
          data-first
          onInput={(event) => this.#typed(event.currentTarget.value)}
          onKeyDown={(event) => this.#key(event)}
        />
        {hints && <hints.Courtesy text={text} />}
        <div class="tools">
          {there && <there.Attach place={id} />}
          {/* A request waits for its answer: it is no chat that could be ended. */}
          {mode === "live" && (
            <Button look="quiet" onClick={end}>
              {t("widget.end")}
            </Button>
          )}
          <p id="hint" class={`${left < 0 ? "error" : "soft"}`}>
            {left < NEAR_MAX && t("widget.left", { count: left })}
          </p>
          <button type="submit" class="primary" disabled={empty || left < 0}>
            {t("widget.send")}
          </button>
        </div>
      </form>
    );
  }
}
