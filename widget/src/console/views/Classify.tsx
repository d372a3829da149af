/** The agent's classification, changed in place: it wins over what the customer chose, and its priority is the one that ranks. */

import type { ComponentChildren } from "preact";
import { t } from "../../ui/i18n";
import type { AgentTicket, Classification } from "../../wire";
import type { Console } from "../console";
import { type Form, inWords } from "../forms";
import { categoryName, priorityName, typeName } from "./answers";
import { Fact } from "./Fact";

const PRIORITIES = [0, 1, 2, 3, 4];
const TYPES = ["", "request", "incident", "question", "suggestion"];

interface Props {
  console: Console;
  ticket: AgentTicket;
  form: Form | null;
}

export function Classify({ console, ticket, form }: Props) {
  const me = console.desk.value.me?.id;
  const may = ticket.state !== "closed" && (ticket.agent_id === null || ticket.agent_id === me);
  return (
    <section>
      <h2>{t("console.classify.title")}</h2>
      {may ? (
        <Choices console={console} ticket={ticket} form={form} />
      ) : (
        <dl>
          <Fact name={t("form.label.priority")}>{priorityName(ticket.priority)}</Fact>
          <Fact name={t("form.label.type")}>{typeName(ticket.type)}</Fact>
          <Fact name={t("form.label.category")}>{categoryName(form, ticket.category)}</Fact>
          <Fact name={t("console.classify.development")}>
            {ticket.development && t("console.answer.yes")}
          </Fact>
        </dl>
      )}
    </section>
  );
}

function Choices({ console, ticket, form }: Props) {
  const online = console.link.value.phase === "live";
  const say = (said: Classification) => console.classify(ticket.id, said);
  // A category that the form no longer has stays on the ticket until another one is chosen.
  const offered = form?.categories ?? [];
  const gone = ticket.category !== "" && !offered.some(({ key }) => key === ticket.category);
  return (
    <div class="picks">
      <Pick
        name={t("form.label.priority")}
        value={String(ticket.priority)}
        able={online}
        choose={(value) => say({ priority: Number(value) })}
      >
        {PRIORITIES.map((priority) => (
          <option key={priority} value={priority}>
            {priorityName(priority)}
          </option>
        ))}
      </Pick>
      <Pick
        name={t("form.label.type")}
        value={ticket.type}
        able={online}
        choose={(value) => say({ type: value as Classification["type"] & string })}
      >
        {TYPES.map((type) => (
          <option key={type} value={type}>
            {typeName(type)}
          </option>
        ))}
      </Pick>
      {(offered.length > 0 || gone) && (
        <Pick
          name={t("form.label.category")}
          value={ticket.category}
          able={online}
          choose={(category) => say({ category })}
        >
          <option value="">{priorityName(0)}</option>
          {gone && <option value={ticket.category}>{ticket.category}</option>}
          {offered.map(({ key, label }) => (
            <option key={key} value={key}>
              {inWords(label)}
            </option>
          ))}
        </Pick>
      )}
      <label class="switch">
        <input
          type="checkbox"
          checked={ticket.development}
          disabled={!online}
          onChange={({ currentTarget }) => say({ development: currentTarget.checked })}
        />
        <span>{t("console.classify.development_mark")}</span>
      </label>
    </div>
  );
}

interface PickProps {
  name: string;
  value: string;
  able: boolean;
  choose(value: string): void;
  children: ComponentChildren;
}

function Pick({ name, value, able, choose, children }: PickProps) {
  return (
    <label class="pick">
      <span>{name}</span>
      <select value={value} disabled={!able} onChange={({ currentTarget }) => choose(currentTarget.value)}>
        {children}
      </select>
    </label>
  );
}
