/** The app's whole form: for a request that is answered later, and for what a ticket was sent back for. */

import { Component, type ComponentChildren, type TargetedEvent } from "preact";
import { t } from "../../ui/i18n";
import { signal } from "../../ui/signal";
import { when } from "../../ui/time";
import type { Wrong } from "../../wire";
import { chunk } from "../chunks";
import { refusal } from "../form";
import { Hours } from "../home";
import { complete, draft, files, go, now, type Route, saveDraft, start, starting, state } from "../model";
import { Button, Late, Skeleton, type WithRoom } from "../parts";
import { type Asked, type Asking, given, isNeeded, matters, type Values } from "./asking";
import { type Refusal, Sheet } from "./sheet";
import "./form.css";

/** The name under which a request is kept, and the place of its files. */
const DRAFT = "form";
const PLACE = 0;

interface RequestProps {
  route: Extract<Route, { view: "new" }>;
  /** Rather a chat, with this subject. */
  wait: (subject: string) => void;
}

export class RequestForm extends Component<RequestProps> {
  readonly #sheet = new Sheet(DRAFT, [], {
    subject: this.props.route.subject,
    text: this.props.route.kept,
    email: state.value.welcome?.customer.email ?? "",
  });
  readonly #discarding = signal(false);

  override componentDidUpdate() {
    if (this.#sheet.due.value) void this.#send();
  }

  async #send(): Promise<void> {
    const sheet = this.#sheet;
    const there = chunk("files");
    const wait = there?.waiting(PLACE);
    sheet.due.value = wait === "due";
    if (wait || starting.value) return;
    const values = sheet.values.value;
    const { subject = "", email = "", name = "", text = "" } = values;
    const later = {
      text,
      form: given(sheet.asking.value?.fields ?? [], values),
      files: files(PLACE).map(({ id }) => id),
    };
    const outcome = await start({ subject, email, name, follows: this.props.route.follows }, later);
    if (outcome.type === "ack") {
      there?.uploads.take(PLACE);
      chunk("hints")?.followed();
    }
    sheet.refused(outcome);
  }

  /** Words and files; what is on its way up is cut off. */
  #discard() {
    chunk("files")?.uploads.take(PLACE);
    this.#sheet.clear();
    saveDraft(0, "");
  }

  #leave() {
    this.#discard();
    go({ view: "tickets" });
  }

  override render({ route, wait }: RequestProps) {
    const sheet = this.#sheet;
    const { attention, welcome } = state.value;
    const after = route.follows > 0 && chunk("after");
    return (
      <Filled
        sheet={sheet}
        extra={extra()}
        submit={() => void this.#send()}
        action={t(starting.value ? "form.sending" : "widget.send")}
        cancel={() => {
          if (draft(DRAFT) || files(PLACE).length) this.#discarding.value = true;
          else this.#leave();
        }}
        place={PLACE}
        solved={() => this.#discard()}
        head={
          <>
            <Hours />
            <p class="soft">{t(welcome?.mails ? "widget.request_mailed" : "widget.request_line")}</p>
            {/* Nobody attends, but somebody may come; or has come meanwhile. */}
            {attention?.chat && (
              <div class="instead">
                {!attention.attended && <p class="soft">{t("form.wait_line")}</p>}
                <Button onClick={() => wait(sheet.take("subject"))}>
                  {t(attention.attended ? "widget.start" : "form.wait")}
                </Button>
              </div>
            )}
            {/* What could not be said is the description. */}
            {after && <after.Follows route={{ ...route, kept: "" }} />}
          </>
        }
        question={
          this.#discarding.value && (
            <fieldset class="line" tabIndex={-1} ref={focus}>
              <legend>{t("form.discard_ask")}</legend>
              <Button look="danger" onClick={() => this.#leave()}>
                {t("form.discard")}
              </Button>
              <Button
                onClick={() => {
                  this.#discarding.value = false;
                }}
              >
                {t("form.discard_no")}
              </Button>
            </fieldset>
          )
        }
      />
    );
  }
}

/** Apps may ask for a name, which is no part of their form. */
function extra(): Asked[] {
  const { ask_name = "no", customer } = state.value.welcome ?? {};
  if (ask_name === "no" || customer?.verified) return [];
  const required = ask_name === "required";
  return [{ ...LINE, name: "name", label: t("widget.name"), required, autocomplete: "name" }];
}

const LINE: Asked = {
  name: "",
  kind: "line",
  label: "",
  hint: "",
  required: false,
  most: 100,
  options: [],
  only: "",
  autocomplete: "off",
  rows: 1,
};

/** Called once per element and not with every drawing. */
const focus = (element: HTMLElement | null) => element?.focus();

/** The customer's move: what is missing, and that a word brings the ticket back, too. */
export class Pending extends Component<WithRoom> {
  readonly #sheet = new Sheet(`form:${this.props.room.view.id}`, this.props.room.view.missing, {});
  readonly #open = signal(false);
  readonly #busy = signal(false);

  async #send(): Promise<void> {
    const { id } = this.props.room.view;
    const sheet = this.#sheet;
    this.#busy.value = true;
    const outcome = await complete(id, given(sheet.asking.value?.fields ?? [], sheet.values.value));
    this.#busy.value = false;
    sheet.refused(outcome);
  }

  override render({ room }: WithRoom) {
    const { missing, closes_at } = room.view;
    const open = this.#open.value;
    return (
      <section class="line warning pending" aria-label={t("widget.state.pending")}>
        <p role="status">
          <strong>{t(missing.length ? "form.pending_missing" : "form.pending")}</strong>{" "}
          {closes_at !== null && t("form.pending_until", { when: when(closes_at, now.value) })}
        </p>
        {missing.length > 0 && !open && (
          <Button
            look="primary"
            onClick={() => {
              this.#open.value = true;
            }}
          >
            {t("form.complete")}
          </Button>
        )}
        {open && (
          <Filled
            sheet={this.#sheet}
            submit={() => void this.#send()}
            action={t(this.#busy.value ? "form.sending" : "form.complete_send")}
            cancel={() => {
              this.#open.value = false;
            }}
          />
        )}
      </section>
    );
  }
}

interface FilledProps {
  sheet: Sheet;
  extra?: Asked[];
  submit: () => void;
  action: string;
  cancel: () => void;
  /** An article answered it. Absent where nothing is suggested. */
  solved?: () => void;
  /** Of files; none where none are taken. */
  place?: number;
  head?: ComponentChildren;
  /** In place of the buttons. */
  question?: ComponentChildren;
}

class Filled extends Component<FilledProps> {
  /** The first field that is wrong has the focus when it is said. */
  #said: Refusal | null = null;
  /** What is folded away was opened, since something in it is wrong or was answered: it does not close under somebody's hands. */
  #unfolded = false;

  override componentDidMount() {
    void this.props.sheet.load();
  }

  override componentDidUpdate() {
    const { sheet } = this.props;
    void sheet.load();
    const said = sheet.problem.value;
    if (said && said !== this.#said)
      document.querySelector<HTMLElement>("form [aria-invalid='true']")?.focus();
    this.#said = said;
  }

  #submit(event: TargetedEvent<HTMLFormElement>) {
    event.preventDefault();
    const { sheet, submit } = this.props;
    this.#said = null;
    if (sheet.complete()) submit();
  }

  override render({ sheet, extra = [], action, cancel, solved, place, head, question }: FilledProps) {
    const asking = sheet.asking.value;
    if (sheet.lost.value) {
      return (
        <div class="line" role="alert">
          <p>{t("widget.missing")}</p>
          <Button onClick={() => void sheet.load(true)}>{t("widget.retry")}</Button>
        </div>
      );
    }
    if (!asking) return <Skeleton />;
    const hints = chunk("hints");
    const values = sheet.values.value;
    const fields = [...asking.fields, ...extra].filter((one) => matters(one, values));
    const first = fields.filter(isFirst);
    const more = fields.filter((one) => !isFirst(one));
    this.#unfolded ||= more.some((one) => sheet.wrong.value[one.name] || values[one.name]);
    return (
      <form class="request" onSubmit={(event) => this.#submit(event)} noValidate>
        {head}
        <Checklist asking={asking} />
        {first.map((one) => (
          <>
            <Question one={one} sheet={sheet} key={one.name} />
            {one.name === "subject" && hints && solved && (
              <hints.Suggestions subject={values.subject ?? ""} solved={solved} />
            )}
            {one.name === "text" && hints && <hints.Courtesy text={values.text ?? ""} />}
          </>
        ))}
        {more.length > 0 && (
          <details open={this.#unfolded || undefined}>
            <summary>{t("form.more")}</summary>
            {more.map((one) => (
              <Question one={one} sheet={sheet} key={one.name} />
            ))}
          </details>
        )}
        {place !== undefined && (
          <Late name="files" quiet>
            {({ Attach, Choosing }) => (
              <fieldset>
                <legend>{t("form.files")}</legend>
                <Attach place={place} worded />
                <Choosing place={place} due={sheet.due.value} />
              </fieldset>
            )}
          </Late>
        )}
        <p class="error" role="alert">
          {sheet.problem.value && refusal(sheet.problem.value)}
        </p>
        {question || (
          <div class="buttons">
            <button type="submit" class="primary">
              {action}
            </button>
            <Button onClick={cancel}>{t("form.cancel")}</Button>
          </div>
        )}
      </form>
    );
  }
}

/** What has to be answered comes first, and how urgent it is; all else is folded away. */
const isFirst = ({ required, name, only }: Asked): boolean =>
  required || name === "priority" || only.startsWith("priority");

function Checklist({ asking: { checklist } }: { asking: Asking }) {
  if (!checklist) return null;
  return (
    <details class="checklist">
      <summary>{checklist.title}</summary>
      {checklist.lists.map(({ title, lines }) => (
        <>
          <strong>{title}</strong>
          <ul>
            {lines.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
        </>
      ))}
    </details>
  );
}

/** What a browser has a keyboard or a calendar for; all others are text. */
const TYPES = ["email", "tel", "url", "date"];

/** What another answer says of this field. */
const NOTED: Values = { text: "type", tax_id: "tax_country" };

function noteOn({ name }: Asked, sheet: Sheet): string | undefined {
  const other = sheet.asking.value?.fields.find((one) => one.name === NOTED[name]);
  return other?.options.find((option) => option.value === sheet.values.value[other.name])?.note;
}

const sentence = ({ code, limit = 0, which = "" }: Wrong) =>
  t(`form.wrong.${code}${which && ".which"}`, { limit, which });

function Question({ one, sheet }: { one: Asked; sheet: Sheet }) {
  const { name, kind, label, most, options } = one;
  const undecided = options.some((option) => option.value === "0");
  const value = sheet.values.value[name] ?? (undecided ? "0" : "");
  const wrong = sheet.wrong.value[name];
  const error = wrong ? sentence(wrong) : "";
  const id = `ask-${name}`;
  const chosen = options.find((option) => option.value === value);
  const hint = [noteOn(one, sheet) || one.hint, chosen?.why].filter(Boolean).join(" ");
  const common = {
    id,
    name,
    value,
    "aria-required": isNeeded(one),
    "aria-invalid": Boolean(error),
    "aria-describedby": `${id}-hint ${id}-error`,
    autocomplete: one.autocomplete as "off",
    onInput: ({ currentTarget }: TargetedEvent<HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement>) =>
      sheet.set(name, currentTarget.value),
  };
  if (kind === "checkbox") {
    return (
      <div class="field">
        <label class="tick">
          <input
            {...common}
            value="yes"
            type="checkbox"
            checked={Boolean(value)}
            onInput={({ currentTarget }) => sheet.set(name, currentTarget.checked ? "yes" : "")}
          />
          <Label one={one} label={label} />
        </label>
        <Said id={id} hint={hint} error={error} />
      </div>
    );
  }
  return (
    <div class="field">
      <label for={id}>
        <Label one={one} label={label} />
      </label>
      {options.length > 0 ? (
        <select {...common}>
          {!undecided && <option value="">{sheet.asking.value?.choose}</option>}
          {options.map((option) => (
            <option value={option.value} key={option.value}>
              {option.label}
            </option>
          ))}
        </select>
      ) : kind === "area" ? (
        <textarea {...common} rows={Math.min(one.rows, 6)} maxLength={most || undefined} />
      ) : (
        <input
          {...common}
          type={(TYPES.includes(kind) ? kind : "text") as "text"}
          inputMode={kind === "number" ? "decimal" : undefined}
          maxLength={most || undefined}
        />
      )}
      <Said id={id} hint={hint} error={error} />
    </div>
  );
}

const Label = ({ one, label }: { one: Asked; label: string }) => (
  <>
    {label}
    {isNeeded(one) && <span aria-hidden="true"> *</span>}
  </>
);

const Said = ({ id, hint, error }: { id: string; hint: string; error: string }) => (
  <>
    <p class="soft" id={`${id}-hint`}>
      {hint}
    </p>
    <p class="error" id={`${id}-error`}>
      {error}
    </p>
  </>
);
