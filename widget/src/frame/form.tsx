/** Our forms: labelled fields, a sentence where something is missing, one button that says what it does. */

import { Component, type ComponentChildren, type TargetedEvent } from "preact";
import { errorText, t } from "../ui/i18n";
import { signal } from "../ui/signal";
import type { ErrorFrame } from "../wire";

interface FormProps {
  /** Sends the values, which are trimmed and as they should be; resolves to what went wrong, or "". */
  submit: (values: Record<string, string>) => Promise<string>;
  action: string;
  busy: boolean;
  children: ComponentChildren;
}

/** What is wrong with the fields of the form on screen; there is never more than one. */
const wrong = signal<Record<string, string>>({});

export class Form extends Component<FormProps> {
  readonly #problem = signal("");

  override componentWillUnmount() {
    wrong.value = {};
  }

  async #submit(event: TargetedEvent<HTMLFormElement>) {
    event.preventDefault();
    if (this.props.busy) return;
    const fields = [...event.currentTarget.querySelectorAll<HTMLInputElement>("[name]")];
    const values: Record<string, string> = {};
    const found: Record<string, string> = {};
    for (const { name, value, required } of fields) {
      values[name] = value.replace(/\s+/g, " ").trim();
      const sentence = check(name, values[name], required);
      if (sentence) found[name] = sentence;
    }
    wrong.value = found;
    this.#problem.value = "";
    const first = fields.find((one) => found[one.name]);
    if (first) first.focus();
    else this.#problem.value = await this.props.submit(values);
  }

  override render({ action, busy, children }: FormProps) {
    return (
      <form onSubmit={(event) => void this.#submit(event)} noValidate>
        {children}
        <p class="error" role="alert">
          {this.#problem.value}
        </p>
        <button type="submit" class="primary wide" aria-busy={busy}>
          {action}
        </button>
      </form>
    );
  }
}

interface FieldProps {
  /** Decides what is checked: subject, name or email. */
  name: string;
  label: string;
  value?: string;
  type?: (value: string) => void;
  required?: boolean;
  first?: boolean;
}

export function Field({ name, label, value = "", type, required, first }: FieldProps) {
  const error = wrong.value[name];
  const common = {
    id: name,
    name,
    required,
    defaultValue: value,
    "aria-invalid": Boolean(error),
    "aria-describedby": `${name}-error`,
    "data-first": first,
    onInput({ currentTarget }: TargetedEvent<HTMLInputElement>) {
      type?.(currentTarget.value);
      // Told once it was sent, taken back while it is mended: nobody is corrected while typing.
      if (error) wrong.value = { ...wrong.value, [name]: "" };
    },
  };
  return (
    <div class="field">
      <label for={name}>{label}</label> {!required && <span class="soft">{t("widget.optional")}</span>}
      <input
        {...common}
        type={(name === "email" ? name : "text") as "text"}
        autocomplete={name === "subject" ? "off" : (name as "email")}
      />
      <p class="error" id={`${name}-error`}>
        {error}
      </p>
    </div>
  );
}

const LIMITS: Record<string, number> = { subject: 200, name: 100, email: 254 };

/** For slips of the finger: the server's rule has the last word. */
const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@.]{2,}$/;

/** The sentence for a value that the server would not take. */
export function check(name: string, value: string, required: boolean): string {
  const { length } = [...value];
  const limit = LIMITS[name] as number;
  if (length > limit) return t("error.too_long", { limit });
  if (required && length < (name === "subject" ? 3 : 1)) return t(`error.${name}_required`);
  return name === "email" && value && !EMAIL.test(value) ? t("error.bad_email") : "";
}

export const refusal = ({ code, limit = 0 }: Pick<ErrorFrame, "code" | "limit">): string =>
  errorText(code, { limit });
