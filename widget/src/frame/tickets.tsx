/** All of the customer's tickets, the newest first. */

import { type Room, roomsInOrder } from "../state/customer";
import { t } from "../ui/i18n";
import { fullTime, shortTime } from "../ui/time";
import type { CustomerTicket } from "../wire";
import * as model from "./model";
import { Button, Header, Skeleton } from "./parts";

export function TicketList() {
  const { welcome, more } = model.state.value;
  const rooms = roomsInOrder(model.state.value);
  const before = rooms.at(-1)?.view.id;
  return (
    <>
      <Header title={t("widget.tickets")} />
      <main>
        {!welcome && <Skeleton />}
        {welcome && !before && (
          <div class="empty">
            <strong>{t("widget.tickets_empty")}</strong>
            <p class="soft">{t("widget.tickets_empty_line")}</p>
          </div>
        )}
        <ul>
          {rooms.map((room) => (
            <li key={room.view.id}>
              <TicketRow room={room} />
            </li>
          ))}
        </ul>
        {more && before && (
          <Button look="quiet wide" onClick={() => model.send({ type: "tickets", before })}>
            {t("widget.tickets_more")}
          </Button>
        )}
      </main>
      <footer class="bar">
        <Button look="primary wide" data-first onClick={() => model.goNew(model.draft(0))}>
          {t("widget.new")}
        </Button>
      </footer>
    </>
  );
}

export function TicketRow({ room }: { room: Room }) {
  const { id, number, subject, unread, last, opened_at, state } = room.view;
  const at = last?.at ?? opened_at;
  const open = state === "open";
  return (
    <button type="button" class="row" onClick={() => model.go({ view: "ticket", ticket: id })}>
      <span class="row-top">
        <span class="soft">#{number}</span>
        <span class={`chip ${open ? "on" : ""}`}>{t(`widget.state.${state}`)}</span>
        <time title={fullTime(at)}>{shortTime(at, model.now.value)}</time>
      </span>
      <span class="row-subject">{subject}</span>
      <span class="row-top">
        <span class={`row-last ${unread ? "unread" : ""}`}>{lastLine(room.view)}</span>
        {unread > 0 && (
          <span class="dot">
            {unread}
            <span class="sr-only"> {t("widget.unread")}</span>
          </span>
        )}
      </span>
    </button>
  );
}

function lastLine({ last, agent, waiting }: CustomerTicket): string {
  if (last) return last.by === "customer" ? t("widget.you_said", { text: last.text }) : last.text;
  return waiting ? t("widget.in_queue") : agent;
}
