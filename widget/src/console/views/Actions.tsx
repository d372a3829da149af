/** **Proponer solución** and **Cerrar ticket**; closing asks once more, in place, with the same verb. */

import { useEffect, useRef } from "preact/hooks";
import { t } from "../../ui/i18n";
import type { AgentTicket } from "../../wire";
import type { Console } from "../console";

export function Actions({ console, ticket }: { console: Console; ticket: AgentTicket }) {
  const desk = console.desk.value;
  const mine = ticket.agent_id === desk.me?.id && ticket.state !== "closed";
  if (!mine) return null;
  const online = console.link.value.phase === "live";
  const doing = console.doing.value;
  if (doing === "closing") return <Confirm console={console} ticket={ticket} online={online} />;
  return (
    <div class="actions">
      {doing !== "proposing" && (
        <button type="button" class="button" aria-keyshortcuts="p" onClick={() => console.begin("proposing")}>
          {t("console.action.propose")}
        </button>
      )}
      <button type="button" class="button" id="close-ticket" onClick={() => console.begin("closing")}>
        {t("console.action.close")}
      </button>
    </div>
  );
}

function Confirm({ console, ticket, online }: { console: Console; ticket: AgentTicket; online: boolean }) {
  const first = useRef<HTMLButtonElement>(null);
  useEffect(() => first.current?.focus(), []);
  const busy = console.desk.value.busy.has(`close:${ticket.id}`);
  const cancel = () => {
    console.begin(null);
    queueMicrotask(() => document.getElementById("close-ticket")?.focus());
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape is a short cut for Cancelar, which is a button
    <div
      class="actions confirm"
      role="group"
      aria-label={t("console.close.ask")}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        cancel();
      }}
    >
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
      <button type="button" class="button" data-kind="quiet" onClick={cancel}>
        {t("console.action.cancel")}
      </button>
    </div>
  );
}
