/** Waiting for an agent: the place, an honest estimate, and the way out of the queue that keeps the ticket. */

import { Component } from "preact";
import { t } from "../ui/i18n";
import { signal } from "../ui/signal";
import { duration } from "../ui/time";
import { Field, Form, refusal } from "./form";
import * as model from "./model";
import { Button, type WithRoom } from "./parts";

export class QueueCard extends Component<WithRoom> {
  readonly #leaving = signal(false);
  readonly #busy = signal(false);

  async #leave(email: string): Promise<string> {
    const { room } = this.props;
    this.#busy.value = true;
    const outcome = await model.leaveQueue(room.view.id, email);
    this.#busy.value = false;
    return outcome.type === "error" ? refusal(outcome) : "";
  }

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
              document.getElementById("email")?.focus();
            }}
          >
            {t("widget.queue.leave")}
          </Button>
        )}
        {leaving.value && (
          <Form
            submit={({ email = "" }) => this.#leave(email)}
            busy={this.#busy.value}
            action={t("widget.leave")}
          >
            <Field
              name="email"
              label={t("widget.email")}
              value={view.email || (welcome?.customer.email ?? "")}
              required
            />
          </Form>
        )}
      </section>
    );
  }
}
