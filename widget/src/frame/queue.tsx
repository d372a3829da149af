/** Waiting for an agent: the place, an honest estimate, and the way out of the queue that keeps the ticket. */

import { Component } from "preact";
import { t } from "../ui/i18n";
import { signal } from "../ui/signal";
import { duration } from "../ui/time";
import * as model from "./model";
import { Button, Late, type WithRoom } from "./parts";

export class QueueCard extends Component<WithRoom> {
  readonly #leaving = signal(false);

  override render({ room }: WithRoom) {
    const { queue, view } = room;
    const { welcome, attention } = model.state.value;
    const attended = queue?.attended ?? attention?.attended;
    const waited = model.now.value - (view.queued_at ?? view.opened_at);
    const offered = !attended || waited >= (welcome?.offer_seconds ?? 60) * 1000;
    const place = queue ? "widget.queue.position" : "widget.in_queue";
    const leaving = this.#leaving;
    return (
      <section class="line">
        <div role="status">
          <strong>
            {t(attended ? place : "error.nobody_available", { position: queue?.position ?? 0 })}
          </strong>
          <p class="soft">
            {attended &&
              queue?.estimate != null &&
              t("widget.queue.estimate", { time: duration(queue.estimate) })}{" "}
            {t(attended ? "widget.queue.meanwhile" : "widget.queue.nobody_line")}
          </p>
        </div>
        {offered && !leaving.value && (
          <Button
            onClick={() => {
              leaving.value = true;
            }}
          >
            {t("widget.queue.leave")}
          </Button>
        )}
        {leaving.value && <Late name="after">{({ Leave }) => <Leave room={room} />}</Late>}
      </section>
    );
  }
}
