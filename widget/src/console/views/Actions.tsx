/** **Proponer solución**, **Cerrar ticket** and the rarer verbs; closing asks once more, in place, with the same verb. */

import { useEffect, useRef } from "preact/hooks";
import { t } from "../../ui/i18n";
import type { AgentTicket } from "../../wire";
import type { Console } from "../console";
import { More } from "./More";
import { Verbs } from "./Verbs";

export function Actions({ console, ticket }: { console: Console; ticket: AgentTicket }) {
  const desk = console.desk.value;
  const closing = useRef<HTMLButtonElement>(null);
  const doing = console.doing.value;
  const before = useRef(doing);
  useEffect(() => {
    // Whoever cancels is back where they were.
    if (before.current === "closing" && doing === null) closing.current?.focus();
    before.current = doing;
  }, [doing]);

  const mine = ticket.agent_id === desk.me?.id && ticket.state !== "closed";
  if (!mine) return null;
  const online = console.link.value.phase === "live";
  if (doing === "closing") return <Confirm console={console} ticket={ticket} online={online} />;
  return (
    <div class="actions">
      <button
        type="button"
        class="button"
        aria-keyshortcuts="p"
        title={t("console.propose.hint")}
        onClick={() => console.propose(ticket)}
      >
        {t("console.action.propose")}
      </button>
      <button
        type="button"
        class="button"
        aria-keyshortcuts="x"
        ref={closing}
        onClick={() => console.begin("closing")}
      >
        {t("console.action.close")}
      </button>
      <More console={console} ticket={ticket} online={online} />
      <Verbs console={console} ticket={ticket} />
    </div>
  );
}

function Confirm({ console, ticket, online }: { console: Console; ticket: AgentTicket; online: boolean }) {
  const first = useRef<HTMLButtonElement>(null);
  useEffect(() => first.current?.focus(), []);
  const busy = console.desk.value.busy.has(`close:${ticket.id}`);
  return (
    <div class="actions confirm">
      <span>{t("console.close.ask")}</span>
      <button
        type="button"
        class="button"
        data-kind="danger"
        ref={first}
        aria-disabled={busy || !online}
        onClick={() => !busy && online && console.close(ticket.id)}
      >
        {t("console.action.close")}
      </button>
      <button type="button" class="button" data-kind="quiet" onClick={() => console.begin(null)}>
        {t("console.action.cancel")}
      </button>
    </div>
  );
}
