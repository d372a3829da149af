/** A new ticket: a chat while somebody can attend, else the form of a request that is answered later. Never a dead end. */

import { Component } from "preact";
import { t } from "../ui/i18n";
import { signal } from "../ui/signal";
import { chunk } from "./chunks";
import { Field, Form, refusal } from "./form";
import { Hours } from "./home";
import type { Route } from "./model";
import * as model from "./model";
import { Header, Late, Skeleton } from "./parts";

interface Props {
  route: Extract<Route, { view: "new" }>;
}

export class New extends Component<Props> {
  /**
   * The form instead of a chat: at first where nobody attends or it is not the hour for it, later by the person's choice or when the server has no chat now. What
   * somebody fills in does not change under their hands.
   */
  readonly #later = signal<boolean | null>(null);
  readonly #subject = signal(this.props.route.subject);

  readonly #type = (subject: string) => {
    this.#subject.value = subject;
    model.saveDraft(0, subject);
  };

  async #submit(values: Record<string, string>): Promise<string> {
    const { route } = this.props;
    const { subject = "", name = "", email = "" } = values;
    const outcome = await model.start({ subject, name, email, follows: route.follows }, null);
    if (outcome.type === "ack") {
      chunk("hints")?.followed();
      return "";
    }
    const { code } = outcome;
    this.#later.value = code === "outside_hours" || code === "nobody_available";
    return refusal(outcome);
  }

  override render({ route }: Props) {
    const { welcome, attention } = model.state.value;
    const { chat = true, attended = true } = attention ?? {};
    const now = chat && attended;
    if (attention) this.#later.value ??= !now;
    const later = this.#later.value;
    const { ask_name = "no", ask_email = "no", customer } = welcome ?? {};
    const withName = ask_name !== "no" && !customer?.verified;
    const hints = chunk("hints");
    // It is there: a closed ticket led here.
    const after = route.follows > 0 && chunk("after");
    const withEmail = ask_email !== "no" && !customer?.email;
    return (
      <>
        <Header title={t("widget.new")} />
        <main class="page">
          {!welcome && <Skeleton />}
          {welcome && later && (
            <Late name="form">
              {({ RequestForm }) => (
                <RequestForm
                  route={{ ...route, subject: this.#subject.value }}
                  wait={(subject) => {
                    this.#type(subject);
                    this.#later.value = false;
                  }}
                />
              )}
            </Late>
          )}
          {welcome && !later && (
            <Form
              submit={(values) => this.#submit(values)}
              busy={model.starting.value}
              action={t(model.starting.value ? "widget.starting" : "widget.start")}
            >
              {!now && <Hours />}
              {after && <after.Follows route={route} />}
              <Field
                name="subject"
                label={t("widget.subject")}
                value={this.#subject.value}
                type={this.#type}
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
            </Form>
          )}
        </main>
      </>
    );
  }
}
