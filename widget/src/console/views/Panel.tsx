/** Who asks, what the ticket is, what its form says, from where they came, and what they asked before. All of it came from outside: shown as text, links only where safe. */

import { useEffect, useRef } from "preact/hooks";
import { t, tag } from "../../ui/i18n";
import { clockTime, fullTime, shortTime, when } from "../../ui/time";
import type { AgentTicket, Context, Person } from "../../wire";
import { browserName } from "../browser";
import { minute } from "../clockwork";
import type { Console } from "../console";
import { customersTickets } from "../state/lists";
import { Avatar } from "./Avatar";
import { Classify } from "./Classify";
import { Fact } from "./Fact";
import { FormFacts } from "./FormFacts";
import { Icon } from "./icons";
import { SafeLink } from "./SafeLink";
import { useTrouble } from "./trouble";
import { appName, customerName, stateWord, wholeName } from "./words";

interface Props {
  console: Console;
  /** It lies over the conversation: where there is no room beside it. */
  open: boolean;
  close(): void;
}

export function Panel({ console, open, close }: Props) {
  const ticket = console.ticket.value;
  const way = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (open) way.current?.focus();
  }, [open]);
  if (!ticket) return null;
  const thread = console.desk.value.threads.get(ticket.id);
  const form = console.form(ticket.app);
  return (
    <aside class="panel" id="details" aria-label={t("console.panel.label")}>
      <button type="button" class="button close-details" data-kind="quiet" ref={way} onClick={close}>
        <Icon name="close" />
        {t("console.panel.close")}
      </button>
      <Who console={console} ticket={ticket} />
      <Classify key={ticket.id} console={console} ticket={ticket} form={form} />
      <TicketFacts console={console} ticket={ticket} />
      <FormFacts ticket={ticket} said={thread?.form ?? null} form={form} />
      <Where context={thread?.context ?? {}} />
      <CustomersTickets console={console} ticket={ticket} of="open" />
      <CustomersTickets console={console} ticket={ticket} of="earlier" />
    </aside>
  );
}

function Who({ console, ticket }: { console: Console; ticket: AgentTicket }) {
  const down = useTrouble(console).value === "down";
  const { customer, clock, mail_problem: problem } = ticket;
  const name = customerName(customer);
  const email = ticket.email || customer.email;
  return (
    <section>
      <div class="who">
        <Avatar
          name={customer.claimed || name}
          alias={customer.alias}
          status={clock ? (clock.gone_at === null ? "here" : "gone") : undefined}
        />
        <div>
          <h2 title={wholeName(customer)}>{name}</h2>
          <Standing customer={customer} />
        </div>
      </div>
      <dl>
        <Fact name={t("console.panel.email")}>
          {email && <SafeLink text={email} />}
          {problem && <span class="problem">{t(`console.panel.mail.${problem}`)}</span>}
        </Fact>
        <Fact name={t("console.panel.language")}>{languageName(customer.locale)}</Fact>
        <Fact name={t("console.panel.local_time")}>
          {customer.zone && <LocalTime zone={customer.zone} />}
        </Fact>
        {clock && !down && (
          <Fact name={t("console.panel.connection")}>
            {t(clock.gone_at === null ? "console.panel.here" : "console.panel.gone")}
          </Fact>
        )}
      </dl>
    </section>
  );
}

/** Who says that they are who they say: their host, a link that was mailed to them, or nobody; a name that is a claim says so itself. */
function Standing({ customer }: { customer: Person }) {
  if (customer.verified)
    return (
      <span class="verified">
        <Icon name="verified" />
        {t("console.panel.verified")}
      </span>
    );
  if (customer.claimed) return null;
  return (
    <span class="soft">{t(customer.account ? "console.panel.account" : "console.panel.unverified")}</span>
  );
}

function TicketFacts({ console, ticket }: { console: Console; ticket: AgentTicket }) {
  return (
    <section>
      <h2>{t("console.panel.ticket")}</h2>
      <dl>
        <Fact name={t("console.panel.number")}>#{ticket.number}</Fact>
        <Fact name={t("console.panel.subject")}>{ticket.subject}</Fact>
        <Fact name={t("console.panel.app")}>{appName(console.desk.value, ticket)}</Fact>
        <Fact name={t("console.panel.opened")}>
          <time title={fullTime(ticket.opened_at)}>{shortTime(ticket.opened_at, minute.value)}</time>
        </Fact>
        <Fact name={t("console.panel.source")}>{t(`console.source.${ticket.source}`)}</Fact>
        <Target name={t("console.panel.answer_by")} at={ticket.answer_by} />
        <Target name={t("console.panel.solve_by")} at={ticket.solve_by} />
        <Fact name={t("console.panel.follows")}>
          {ticket.follows > 0 && <Follows console={console} ticket={ticket} />}
        </Fact>
        <Fact name={t("console.panel.agent")}>{ticket.agent}</Fact>
      </dl>
    </section>
  );
}

/** The closed ticket that this one continues. */
function Follows({ console, ticket }: { console: Console; ticket: AgentTicket }) {
  return (
    <>
      <button
        type="button"
        class="link"
        disabled={console.link.value.phase !== "live"}
        onClick={() => console.lookUp(ticket.app, ticket.follows)}
      >
        #{ticket.follows}
      </button>
      {console.desk.value.refusal?.verb === "find" && (
        <span class="problem" role="alert">
          {t("console.panel.follows_gone")}
        </span>
      )}
    </>
  );
}

/** By when something should have happened; said in its tone once that is over. */
function Target({ name, at }: { name: string; at: number | null }) {
  if (at === null) return null;
  return (
    <Fact name={name}>
      <time title={fullTime(at)} data-late={at < minute.value || undefined}>
        {at < minute.value
          ? t("console.panel.late", { time: shortTime(at, minute.value) })
          : when(at, minute.value)}
      </time>
    </Fact>
  );
}

function Where({ context }: { context: Context }) {
  const { url, title, app_version, browser, host = {} } = context;
  const fields = Object.entries(host).map(([key, value]) => [String(key), String(value)] as const);
  if (!url && !title && !app_version && !browser && fields.length === 0) return null;
  return (
    <section>
      <h2>{t("console.panel.context")}</h2>
      <dl>
        <Fact name={t("console.panel.page")}>{title}</Fact>
        <Fact name={t("console.panel.address")}>{url && <SafeLink text={url} />}</Fact>
        <Fact name={t("console.panel.browser")}>
          {browser && <span title={browser}>{browserName(browser)}</span>}
        </Fact>
        <Fact name={t("console.panel.version")}>{app_version}</Fact>
        {fields.map(([key, value]) => (
          <Fact key={key} name={key}>
            {value}
          </Fact>
        ))}
      </dl>
    </section>
  );
}

interface TicketsProps extends Pick<Props, "console"> {
  ticket: AgentTicket;
  /** Which of the customer's other tickets. */
  of: "open" | "earlier";
}

function CustomersTickets({ console, ticket, of }: TicketsProps) {
  const { id } = ticket.customer;
  const online = console.link.value.phase === "live";
  const desk = console.desk.value;
  const found = desk[of].get(id);
  const looksThrough = found !== undefined && console.cameFrom.value !== null;
  // One after the other: of two that the server puts off, the connection repeats the last one alone.
  const next = of === "open" || desk.open.has(id);
  // Asked anew with every ticket: the last one may be closed by now, and so be an earlier one. But whoever goes from one of them
  // to the next keeps the pages that they unfolded.
  useEffect(() => {
    if (online && next && !looksThrough) console.loadTickets(of, id);
  }, [id, ticket.id, ticket.state, online, next]);
  const others = customersTickets(desk, of, ticket);
  return (
    <section>
      <h2>{t(`console.panel.${of}`)}</h2>
      {others.length === 0 && (
        <p class="soft">
          {t(found ? `console.panel.${of}_none` : online ? "console.loading" : "console.panel.offline")}
        </p>
      )}
      <ul class={`ticket-links ${of}`}>
        {others.map((one) => (
          <li key={one.id}>
            <button type="button" onClick={() => console.lookBack(one.id)}>
              <span class="ticket-subject">{one.subject}</span>
              <span class="soft">
                #{one.number} · {of === "open" && `${stateWord(one)} · `}
                {one.agent_id !== null && of === "open" && `${one.agent} · `}
                {shortTime(one.opened_at, minute.value)}
              </span>
            </button>
          </li>
        ))}
      </ul>
      {found?.more && (
        <button type="button" class="link" onClick={() => console.loadTickets(of, id, true)}>
          {t("console.panel.earlier_more")}
        </button>
      )}
    </section>
  );
}

function LocalTime({ zone }: { zone: string }) {
  const time = timeIn(zone, minute.value);
  // "America/Argentina/Buenos_Aires": the place is enough to read, the whole is in the tooltip.
  const place = zone.split("/").at(-1)?.replaceAll("_", " ");
  return <span title={zone}>{time ? `${time} · ${place}` : zone}</span>;
}

/** The wall clock of a zone that a browser named; null when ours does not know it. */
function timeIn(zone: string, at: number): string | null {
  try {
    return clockTime(at, zone);
  } catch {
    return null;
  }
}

function languageName(code: string): string {
  if (!code) return "";
  try {
    return new Intl.DisplayNames([tag()], { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}
