/** What the customer answered to the app's ticket form, whole: a sensitive case too, which lists mask. */

import { t } from "../../ui/i18n";
import type { AgentTicket, FormView } from "../../wire";
import type { Form } from "../forms";
import { caseName, day, fieldName, levelName, ownAnswer, priorityName } from "./answers";
import { Fact } from "./Fact";
import { SafeLink } from "./SafeLink";

interface Props {
  ticket: AgentTicket;
  /** Null until the conversation is there. */
  said: FormView | null;
  form: Form | null;
}

export function FormFacts({ ticket, said, form }: Props) {
  if (!said) return null;
  const own = ownAnswers(form, said);
  const empty = !(
    said.asked ||
    said.impact ||
    said.case ||
    said.tax_id ||
    said.company ||
    said.phone ||
    said.url ||
    ticket.wanted ||
    said.cc.length ||
    own.length
  );
  return (
    <section>
      <h2>{t("console.form.title")}</h2>
      <Missing ticket={ticket} form={form} />
      {empty && <p class="soft">{t("console.form.none")}</p>}
      <dl>
        <Fact name={t("console.form.asked")}>
          {said.asked > 0 && (
            <>
              {priorityName(said.asked)}
              {said.why && <span class="because">{said.why}</span>}
            </>
          )}
        </Fact>
        <Fact name={t("form.label.impact")}>{levelName("impact", said.impact)}</Fact>
        <Fact name={t("form.label.urgency")}>{levelName("urgency", said.urgency)}</Fact>
        <Fact name={caseName(form, ticket.case_kind)}>
          {said.case && (
            <>
              {said.case}
              {said.case !== ticket.case && <span class="because">{t("console.form.sensitive")}</span>}
            </>
          )}
        </Fact>
        <Fact name={said.tax_kind || t("form.label.tax_id")}>
          {said.tax_id && (
            <>
              {[said.tax_id, said.tax_country].filter(Boolean).join(" · ")}
              {!said.tax_kind && <span class="because">{t("console.form.unchecked")}</span>}
            </>
          )}
        </Fact>
        <Fact name={t("console.form.company")}>{said.company}</Fact>
        <Fact name={t("form.label.phone")}>{said.phone}</Fact>
        <Fact name={t("console.form.url")}>{said.url && <SafeLink text={said.url} />}</Fact>
        <Fact name={t("form.label.wanted")}>
          {ticket.wanted && (
            <>
              {day(ticket.wanted)}
              {said.wanted_why && <span class="because">{said.wanted_why}</span>}
            </>
          )}
        </Fact>
        <Fact name={t("form.label.cc")}>
          {said.cc.length > 0 && said.cc.map((address) => <span class="each">{address}</span>)}
        </Fact>
        {own.map(([name, answer]) => (
          <Fact key={name} name={fieldName(form, name)}>
            {answer}
          </Fact>
        ))}
      </dl>
    </section>
  );
}

/** What it was sent back for, as long as the customer has not completed it. */
function Missing({ ticket, form }: Pick<Props, "ticket" | "form">) {
  if (ticket.missing.length === 0) return null;
  return (
    <p class="line" data-tone="warning">
      {t("console.form.missing", { fields: ticket.missing.map((name) => fieldName(form, name)).join(", ") })}
    </p>
  );
}

/** In the order of the form; what it no longer asks comes last. */
function ownAnswers(form: Form | null, { fields }: FormView): [name: string, answer: string][] {
  const order = (form?.fields ?? []).map(({ key }) => key);
  const place = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);
  return Object.entries(fields)
    .sort(([a], [b]) => place(a) - place(b))
    .map(([name, answer]) => [name, ownAnswer(form, name, answer)]);
}
