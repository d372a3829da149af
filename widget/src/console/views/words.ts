/** Sentences of the console that need a choice: states, system lines, endings. */

import { t } from "../../ui/i18n";
import type { AgentTicket, ItemView, Person } from "../../wire";
import type { Form } from "../forms";
import type { Desk } from "../state/desk";
import { changes, fieldName } from "./answers";

/** Characters of a name that nobody stands by: what follows it says so, and must not be pushed out of sight. */
const CLAIM_MOST = 30;

/**
 * What to call a customer: the server's name for one who gave none is Spanish, so it is said anew in the agent's language. A
 * name that nobody stands by has the address beside it.
 */
export function customerName(person: Person): string {
  return wholeName({ ...person, claimed: shortClaim(person.claimed) });
}

export function shortClaim(claimed: string): string {
  const letters = [...claimed];
  return letters.length > CLAIM_MOST ? `${letters.slice(0, CLAIM_MOST).join("").trimEnd()}…` : claimed;
}

/** The same, however long the name is. */
export function wholeName({ name, alias, claimed }: Person): string {
  if (claimed) return t("console.claimed", { claimed, name });
  return name === `Visitante ${alias}` ? t("console.visitor", { alias }) : name;
}

/** Whose words a message is. */
export function authorName(item: ItemView | undefined, ticket: AgentTicket, me: number | undefined): string {
  const { by, author, name = "" } = item ?? {};
  if (by === "system") return t("common.in_copy", { name });
  if (by === "agent") return author === me ? t("console.log.you") : name;
  return customerName(ticket.customer);
}

/** What happened to the ticket, as one line; null for what people wrote. */
export function systemLine(
  item: ItemView,
  ticket: AgentTicket,
  me: number | undefined,
  form: Form | null,
): string | null {
  const name = item.name ?? "";
  const fields = () =>
    (item.reason ?? "")
      .split(",")
      .map((field) => fieldName(form, field))
      .join(", ");
  switch (item.kind) {
    case "opened":
      return t("console.event.opened", { name: customerName(ticket.customer) });
    case "declined":
      return t("console.event.declined", { name: customerName(ticket.customer) });
    case "assigned":
      return item.author === me ? t("console.event.assigned_me") : t("console.event.assigned", { name });
    case "queued":
      return t(known("console.event.queued", item.reason, ["agent_gone", "passed", "signed_out"]));
    case "later":
      return t(
        known("console.event.later", cameByForm(item) ? "form" : item.reason, [
          "form",
          "customer",
          "closing_time",
          "customer_gone",
          "outside_hours",
          "unattended",
          "agent_left",
          "mail",
        ]),
      );
    case "pending":
      return t("console.event.pending", { name });
    case "sent_back":
      return t("console.event.sent_back", { name, fields: fields() });
    case "completed":
      return t("console.event.completed", { name: customerName(ticket.customer), fields: fields() });
    case "reminder":
      return t("console.event.reminder", { name: customerName(ticket.customer) });
    case "resumed":
      return item.by === "agent"
        ? t("console.event.taken_back", { name })
        : t("console.event.resumed", { name: name || customerName(ticket.customer) });
    case "classified":
      return t("console.event.classified", { name, changes: changes(form, item.text ?? "") });
    case "copied":
      return t("console.event.copied", {
        name: item.by === "agent" ? name : customerName(ticket.customer),
        addresses: item.text ?? "",
      });
    case "closed":
      if (item.reason === "rejected" && item.text)
        return t("console.event.rejected", { name, reason: item.text });
      // Within a line that goes on with the time: without its full stop.
      return closedLine(item.reason ?? "", customerName(ticket.customer)).replace(/\.$/, "");
    case "rated":
      return t("console.event.rated", { name: customerName(ticket.customer), stars: item.stars ?? 0 });
    default:
      return null;
  }
}

/** Early releases wrote of such a ticket that its customer preferred an answer later; of a chat the customer says that themselves. */
function cameByForm(item: ItemView): boolean {
  return item.reason === "customer" && item.by === "system";
}

const REASONS = ["solved", "agent", "customer", "inactivity", "abandoned", "rejected", "merged"];

export function closedLine(reason: string, name: string): string {
  return t(known("console.closed", reason, REASONS), { name });
}

/** The one word that says how a ticket stands. */
export function stateWord(ticket: AgentTicket): string {
  if (ticket.state !== "open") return t(`console.state.${ticket.state}`);
  return t(ticket.waiting ? "console.state.waiting" : "console.state.open");
}

/** The last message for a row: who said it, unless the customer did; "" while nobody has said anything. */
export function lastLine(ticket: AgentTicket, me: number | undefined): string {
  if (!ticket.last) return "";
  if (ticket.last.by !== "agent") return ticket.last.text;
  const key = ticket.agent_id === me ? "console.row.you" : "console.row.agent";
  return t(key, { text: ticket.last.text, name: ticket.agent });
}

/** The app's name, where an agent answers for more than one. */
export function appName(desk: Desk, ticket: AgentTicket): string {
  const apps = desk.me?.apps ?? [];
  return apps.length > 1 ? (apps.find(({ key }) => key === ticket.app)?.name ?? ticket.app) : "";
}

function known(prefix: string, reason: string | undefined, reasons: readonly string[]): string {
  return reason && reasons.includes(reason) ? `${prefix}.${reason}` : `${prefix}.other`;
}
