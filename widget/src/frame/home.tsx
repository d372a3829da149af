/** The first thing a customer sees: a greeting, the way to help, when help is there, and the latest ticket. */

import { roomsInOrder } from "../state/customer";
import { t } from "../ui/i18n";
import { when } from "../ui/time";
import * as model from "./model";
import { Button, Header, Skeleton } from "./parts";
import { TicketRow } from "./tickets";

export function Home() {
  const { welcome } = model.state.value;
  const latest = roomsInOrder(model.state.value)[0];
  const { name = " ", alias = "" } = welcome?.customer ?? {};
  // Nobody is greeted as "Visitante QRST", nor by a name that is not known yet.
  const first = name.endsWith(` ${alias}`) ? "" : `, ${name.replace(/\s.*/, "")}`;
  return (
    <>
      <section class="hero" aria-label={t("widget.how_help")}>
        <Header title={welcome?.app ?? ""} />
        <p class="greeting">
          {t("widget.greeting", { name: first })}
          <br />
          {t("widget.how_help")}
        </p>
      </section>
      <main class="cards">
        <section class="card">
          <Hours />
          <Button look="primary wide" data-first onClick={() => model.go({ view: "tickets" })}>
            {t("widget.support")}
          </Button>
        </section>
        {latest && (
          <section class="card flush">
            <h2>{t("widget.latest")}</h2>
            <TicketRow room={latest} />
          </section>
        )}
      </main>
    </>
  );
}

/** Is somebody there, until when, or from when on: in words, with a sign for the eye. */
export function Hours() {
  const { attention } = model.state.value;
  if (!attention) return <Skeleton />;
  const { open, until, next, reason, attended } = attention;
  const at = open ? until : next;
  const time = at ? when(at, model.now.value) : "";
  const say = (title: string, line: string) => (
    <div class={`hours ${open && attended ? "on" : ""}`}>
      <strong>{t(title, { reason })}</strong>
      <p class="soft">{t(line, { when: time })}</p>
    </div>
  );
  if (!open) {
    return say(
      reason ? "widget.hours.holiday" : "error.outside_hours",
      at ? "widget.hours.next" : "widget.hours.leave",
    );
  }
  if (!attended) return say("error.nobody_available", "widget.hours.leave");
  return say("widget.hours.online", at ? "widget.hours.until" : "");
}
