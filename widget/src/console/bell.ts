/** Sounds, desktop notifications, the title's count: what calls an agent who looks elsewhere. */

import { effect } from "@preact/signals";
import { announce } from "../ui/announcer";
import { plural, t } from "../ui/i18n";
import type { Console } from "./console";
import { dotIcon } from "./favicon";
import { sound } from "./settings";
import { play, unlock } from "./sound";
import { type Alert, about, alerts, audible, REPEAT_MS, type TicketAlert, unseen } from "./state/alerts";
import type { Desk } from "./state/desk";
import { calling } from "./state/lists";
import { Tabs } from "./tabs";
import { customerName } from "./views/words";

export class Bell {
  private readonly tabs = new Tabs();
  private readonly undo: (() => void)[] = [];
  /** Of whom a screen reader was told that they wait: the sentence goes when none of them does any more. */
  private announced: readonly number[] = [];

  constructor(private readonly console: Console) {
    const look = () => this.look();
    const wake = () => unlock();
    for (const kind of ["visibilitychange", "focus"]) this.listen(document, kind, look);
    // Not at pointerdown: the notice about the silence goes, and what was pressed would move away from under the pointer.
    for (const kind of ["click", "keydown"]) this.listen(document, kind, wake);
    this.undo.push(
      effect(() => {
        this.console.selected.value;
        this.look();
      }),
      effect(() => {
        const count = calling(this.console.desk.value);
        document.title = (count > 0 ? `(${count}) ` : "") + t("console.title");
        dotIcon(count > 0);
      }),
    );
    const id = setInterval(() => this.repeat(), REPEAT_MS);
    this.undo.push(() => clearInterval(id));
  }

  /** To be told of every step of the desk. */
  heard(before: Desk, after: Desk): void {
    const found = alerts(before, after);
    const newcomers = found.filter(isNewcomer);
    const first = newcomers[0]?.ticket;
    if (first && newcomers.length === 1) {
      announce(t("console.announce.waiting", { name: customerName(first.customer), subject: first.subject }));
    } else if (first) {
      announce(plural("console.announce.waiting_many", newcomers.length));
    }
    if (first) this.announced = newcomers.map(({ ticket }) => ticket.id);
    else if (!this.announced.some((id) => after.tickets.get(id)?.waiting)) this.unsay();
    if (!this.tabs.ringing) return;
    const heard = found.filter((alert) => audible(alert, this.tabs.looking));
    const loudest = heard.find(({ kind }) => kind === "assigned") ?? heard[0];
    if (loudest && sound.peek() === "on") play(loudest.kind === "note" ? "message" : loudest.kind);
    for (const alert of heard) this.notify(alert);
  }

  end(): void {
    for (const undo of this.undo) undo();
    this.tabs.close();
    this.unsay();
    document.title = t("console.title");
    dotIcon(false);
  }

  private unsay(): void {
    if (this.announced.length > 0) announce("");
    this.announced = [];
  }

  private look(): void {
    const seen = document.visibilityState === "visible";
    this.tabs.look(seen ? (this.console.selected.peek() ?? 0) : null);
  }

  /** A chat that was given to this agent calls until it is looked at. */
  private repeat(): void {
    if (!this.tabs.ringing || sound.peek() === "off") return;
    const waiting = unseen(this.console.desk.peek()).map((ticket): Alert => ({ kind: "assigned", ticket }));
    if (waiting.some((alert) => audible(alert, this.tabs.looking))) play("assigned");
  }

  private notify(alert: Alert): void {
    if (!("Notification" in globalThis) || Notification.permission !== "granted") return;
    if (document.visibilityState === "visible" && document.hasFocus()) return;
    const ticket = about(alert);
    try {
      const shown = new Notification(title(alert), { body: body(alert), tag: `ticket-${ticket}` });
      shown.onclick = () => {
        window.focus();
        this.console.select(ticket);
        shown.close();
      };
    } catch {
      // Chrome on Android has the name and the permission, but lets only service workers use them.
    }
  }

  private listen(target: EventTarget, kind: string, run: () => void): void {
    target.addEventListener(kind, run);
    this.undo.push(() => target.removeEventListener(kind, run));
  }
}

const isNewcomer = (alert: Alert): alert is TicketAlert => alert.kind === "waiting";

function title(alert: Alert): string {
  if (alert.kind === "note") return t("console.notify.note", { number: alert.note.number });
  return t(`console.notify.${alert.kind}`, { name: customerName(alert.ticket.customer) });
}

function body(alert: Alert): string {
  if (alert.kind === "note") return alert.note.text || alert.note.subject;
  return alert.kind === "message" ? (alert.ticket.last?.text ?? "") : alert.ticket.subject;
}
