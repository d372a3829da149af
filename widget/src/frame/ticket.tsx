/** One ticket: who attends, what was said, and below it whatever the customer can do now. */

import { Component } from "preact";
import { countdown } from "../state/clock";
import { t } from "../ui/i18n";
import { signal } from "../ui/signal";
import { minutesSeconds } from "../ui/time";
import { Composer } from "./composer";
import { Messages } from "./messages";
import * as model from "./model";
import { Button, Header, Late, Skeleton, type WithRoom } from "./parts";
import { QueueCard } from "./queue";

export function TicketView({ id }: { id: number }) {
  const room = model.state.value.rooms.get(id);
  const { agent = "", number = "", subject = "", waiting, state } = room?.view ?? {};
  return (
    <>
      <Header
        title={agent || `#${number}`}
        line={agent ? `#${number} · ${subject}` : subject}
        person={agent}
      />
      <main>
        {room && waiting && <QueueCard room={room} />}
        {room?.loaded ? <Messages room={room} /> : <Skeleton />}
        {room && (state === "closed" ? <Closed room={room} /> : <Open room={room} />)}
      </main>
    </>
  );
}

const Closed = ({ room }: WithRoom) => (
  <div class="foot closed">
    <h2 tabIndex={-1}>{t("widget.state.closed")}</h2>
    <Late name="after">{({ Closed }) => <Closed room={room} />}</Late>
  </div>
);

/** One function, so that it is called once per element and not with every drawing. */
const focus = (element: HTMLElement | null) => element?.focus();

/** An open ticket's foot. The question that replaces the message box has the focus, and gives it back. */
class Open extends Component<WithRoom> {
  readonly #ending = signal(false);

  override render({ room }: WithRoom) {
    const { id: ticket, proposal, mode, state } = room.view;
    return (
      <div class="foot">
        {mode === "later" && (
          <Late name="after" quiet>
            {({ Later }) => <Later room={room} />}
          </Late>
        )}
        {state === "pending" && (
          <Late name="form" quiet>
            {({ Pending }) => <Pending room={room} key={room.view.missing.join()} />}
          </Late>
        )}
        {proposal !== null && (
          <fieldset class="line" aria-label={t("widget.solved_ask")}>
            <Button look="primary" onClick={() => model.ask({ type: "answer", ticket, solved: true })}>
              {t("widget.solved_yes")}
            </Button>
            <Button onClick={() => model.ask({ type: "answer", ticket, solved: false })}>
              {t("widget.solved_no")}
            </Button>
          </fieldset>
        )}
        <Countdown room={room} />
        {this.#ending.value ? (
          <fieldset class="line" tabIndex={-1} ref={focus}>
            <legend>{t("widget.end_ask")}</legend>
            <Button look="danger" onClick={() => model.ask({ type: "end", ticket })}>
              {t("widget.end")}
            </Button>
            <Button
              onClick={() => {
                this.#ending.value = false;
                focus(document.querySelector("textarea"));
              }}
            >
              {t("widget.end_no")}
            </Button>
          </fieldset>
        ) : (
          <Composer
            room={room}
            end={() => {
              this.#ending.value = true;
            }}
          />
        )}
      </div>
    );
  }
}

/** Nothing until the last minute; then the question, the time left and the one button that answers it. */
function Countdown({ room }: WithRoom) {
  const { phase, left } = countdown(room.view.clock, model.now.value);
  const warning = phase === "warning";
  return (
    <div class={`${warning ? "line warning" : ""}`}>
      <p role="status">
        {warning && <strong>{t("widget.still_there")}</strong>}{" "}
        {/* Heard once, with the question; not every second. */}
        <span aria-live="off">{warning && t("widget.closes_in", { time: minutesSeconds(left) })}</span>
      </p>
      {warning && (
        <Button onClick={() => model.ask({ type: "here", ticket: room.view.id })}>{t("widget.here")}</Button>
      )}
    </div>
  );
}
