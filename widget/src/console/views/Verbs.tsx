/** What is asked back before it is done to a ticket: wait for the customer, send it back with what is missing, reject it. */

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { fileError } from "../../ui/files";
import { plural, t } from "../../ui/i18n";
import type { AgentTicket } from "../../wire";
import type { Console } from "../console";
import { Alert } from "./Alert";
import { answered, completable, fieldName } from "./answers";
import { Dialog } from "./Dialog";

const REASON_MAX = 1000;

interface Props {
  console: Console;
  ticket: AgentTicket;
}

/** The dialog of the verb that was begun, if it has one. */
export function Verbs({ console, ticket }: Props) {
  switch (console.doing.value) {
    case "pending":
      return <Pend console={console} ticket={ticket} />;
    case "sending_back":
      return <SendBack console={console} ticket={ticket} />;
    case "rejecting":
      return <Reject console={console} ticket={ticket} />;
    default:
      return null;
  }
}

function Pend({ console, ticket }: Props) {
  const text = useSignal(console.draft(ticket.id));
  return (
    <Asking console={console} ticket={ticket} verb="pend" act={() => console.pend(ticket.id, text.value)}>
      <Words label={t("console.pend.text")} console={console} ticket={ticket} text={text} />
    </Asking>
  );
}

function SendBack({ console, ticket }: Props) {
  const form = console.form(ticket.app);
  const said = console.desk.value.threads.get(ticket.id)?.form ?? null;
  const text = useSignal(console.draft(ticket.id));
  const chosen = useSignal<readonly string[]>(ticket.missing);
  const problem = useSignal(false);
  const first = useRef<HTMLInputElement>(null);
  const names = completable(form);
  const send = () => {
    // In the order of the form, in which the customer is asked.
    const missing = names.filter((name) => chosen.value.includes(name));
    problem.value = missing.length === 0;
    if (problem.value) first.current?.focus();
    else console.sendBack(ticket.id, missing, text.value);
  };
  return (
    <Asking console={console} ticket={ticket} verb="send_back" act={send}>
      <fieldset class="missing" aria-describedby={problem.value ? "missing-problem" : undefined}>
        <legend>{t("console.send_back.fields")}</legend>
        {names.map((name, at) => {
          const now = answered(form, ticket, said, name);
          return (
            <label key={name} class="switch">
              <input
                ref={at === 0 ? first : null}
                type="checkbox"
                checked={chosen.value.includes(name)}
                onChange={({ currentTarget }) => {
                  const others = chosen.value.filter((one) => one !== name);
                  chosen.value = currentTarget.checked ? [...others, name] : others;
                  problem.value = false;
                }}
              />
              <span>{fieldName(form, name)}</span>
              <span class="soft now">{now || t("console.send_back.empty")}</span>
            </label>
          );
        })}
      </fieldset>
      {problem.value && <Alert id="missing-problem">{t("console.send_back.none")}</Alert>}
      <Words label={t("console.send_back.text")} console={console} ticket={ticket} text={text} />
    </Asking>
  );
}

function Reject({ console, ticket }: Props) {
  const reason = useSignal("");
  const problem = useSignal("");
  const box = useRef<HTMLTextAreaElement>(null);
  const over = [...reason.value].length - REASON_MAX;
  const send = () => {
    problem.value = !reason.value.trim()
      ? t("console.reject.none")
      : over > 0
        ? plural("console.composer.over", over)
        : "";
    if (problem.value) box.current?.focus();
    else console.reject(ticket.id, reason.value);
  };
  return (
    <Asking console={console} ticket={ticket} verb="reject" danger act={send}>
      <label class="field">
        <span>{t("console.reject.reason")} *</span>
        <textarea
          ref={box}
          rows={4}
          required
          value={reason.value}
          aria-invalid={problem.value !== "" || undefined}
          aria-describedby={problem.value ? "reject-problem" : undefined}
          onInput={({ currentTarget }) => {
            reason.value = currentTarget.value;
            problem.value = "";
          }}
        />
      </label>
      {problem.value && <Alert id="reject-problem">{problem.value}</Alert>}
    </Asking>
  );
}

interface WordsProps extends Props {
  label: string;
  text: { value: string };
}

/** What is said to the customer with it: the composer's own draft, so that it is nowhere else and not lost. */
function Words({ label, console, ticket, text }: WordsProps) {
  return (
    <label class="field">
      <span>{label}</span>
      <textarea
        rows={3}
        value={text.value}
        onInput={({ currentTarget }) => {
          text.value = currentTarget.value;
          console.keepDraft(ticket.id, currentTarget.value);
        }}
      />
    </label>
  );
}

interface AskingProps extends Props {
  /** Its words in the catalogue: what it is called, and what it means and the customer gets to know. */
  verb: "pend" | "send_back" | "reject";
  danger?: boolean;
  act(): void;
  children: ComponentChildren;
}

/** It stays until the server did it: what was written, and what is wrong, are before one's eyes. */
function Asking({ console, ticket, verb, danger, act, children }: AskingProps) {
  const busy = console.desk.value.busy.has(`${verb}:${ticket.id}`);
  const online = console.link.value.phase === "live";
  const { refusal } = console.desk.value;
  const refused = refusal?.ticket === ticket.id && refusal.verb === verb ? refusal : null;
  const close = () => {
    console.begin(null);
    // The composer shows what was written here.
    console.redraws.value++;
  };
  // What was refused before is no answer to what is asked now, and what was refused here has been read.
  useEffect(() => {
    console.forgetRefusal();
    return () => console.forgetRefusal(verb);
  }, []);
  return (
    <Dialog title={t(`console.${verb}.title`)} close={close} question="asking-lead">
      <form
        class="asking"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy && online) act();
        }}
      >
        <p id="asking-lead">{t(`console.${verb}.lead`)}</p>
        {children}
        {refused && <Alert>{fileError(refused.code, refused.limit)}</Alert>}
        {!online && (
          <p class="line" data-tone="warning">
            {t("console.asking.offline")}
          </p>
        )}
        <p class="dialog-row">
          <button
            type="submit"
            class="button"
            data-kind={danger ? "danger" : "primary"}
            aria-disabled={busy || !online}
          >
            {t(`console.action.${verb}`)}
          </button>
          <button type="button" class="button" data-kind="quiet" onClick={close}>
            {t("console.action.cancel")}
          </button>
        </p>
      </form>
    </Dialog>
  );
}
