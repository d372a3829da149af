/** A new ticket: a chat while somebody can attend, else the form of a request that is answered later. Never a dead end. */

import { Component } from "preact";
import { t } from "../ui/i18n";
import { signal } from "../ui/signal";
import { when } from "../ui/time";
import { chunk } from "./chunks";
import { Field, Form, refusal } from "./form";
import type { Route } from "./model";
import * as model from "./model";
import { Header, Kept, Late, Skeleton } from "./parts";

interface Props {
  route: Extract<Route, { view: "new" }>;
}

export class New extends Component<Props> {
  /** The server, asked for a chat, says that there is none now. */
  readonly #refused = signal(false);
  readonly #subject = signal(this.props.route.subject);

  async #submit(values: Record<string, string>): Promise<string> {
    const { route } = this.props;
    const { subject = "", name = "", email = "" } = values;
    const outcome = await model.start({ subject, name, email, follows: route.follows }, null);
    if (outcome.type === "ack") {
      chunk("hints")?.followed();
      return "";
    }
    const { code, next_at } = outcome;
    this.#refused.value = code === "outside_hours" || code === "nobody_available";
    const next = next_at ? ` ${t("widget.hours.next", { when: when(next_at, model.now.value) })}` : "";
    return refusal(outcome) + next;
  }

  override render({ route }: Props) {
    const { welcome, attention } = model.state.value;
    const later = attention?.chat === false || this.#refused.value;
    const { ask_name = "no", ask_email = "no", customer } = welcome ?? {};
    const withName = ask_name !== "no" && !customer?.verified;
    const hints = chunk("hints");
    const withEmail = ask_email !== "no" && !customer?.email;
    return (
      <>
        <Header title={t("widget.new")} />
        <main class="page">
          {!welcome && <Skeleton />}
          {welcome && later && <Late name="form">{({ RequestForm }) => <RequestForm route={route} />}</Late>}
          {welcome && !later && (
            <Form
              submit={(values) => this.#submit(values)}
              busy={model.starting.value}
              action={t(model.starting.value ? "widget.starting" : "widget.start")}
            >
              {route.follows > 0 && <p class="soft">{t("widget.follows", { number: route.follows })}</p>}
              <Field
                name="subject"
                label={t("widget.subject")}
                value={route.subject}
                type={(text) => {
                  this.#subject.value = text;
                  model.saveDraft(0, text);
                }}
                first
                required
              />
              {hints && (
                <hints.Suggestions subject={this.#subject.value} solved={() => model.saveDraft(0, "")} />
              )}
              {withName && <Field name="name" label={t("widget.name")} required={ask_name === "required"} />}
              {withEmail && (
                <Field name="email" label={t("widget.email")} required={ask_email === "required"} />
              )}
              {route.kept && <Kept text={route.kept} />}
            </Form>
          )}
        </main>
      </>
    );
  }
}
