/**
 * One page of the customer's frame for the model of the whole chat (tests/model): the frame's own model without its views, and
 * what its screen would show. Bundled by browser.mjs and evaluated once for each page, with that page's own globals.
 */

import * as model from "../../src/frame/model";
import { isOpen } from "../../src/state/customer";
import { type Row, thread } from "../../src/state/thread";

/** A bubble of a conversation: its words and its sign ("" for the other side's; a refusal's code). */
type Line = [text: string, sign: string];

export function begin(): void {
  model.hear({ type: "boot", options: { locale: "es", page: { url: "", title: "" } } });
}

/** What a person can do here; false: the screen offers no such thing now. */
export function act(verb: string, ticket: number, text: string): boolean {
  const { rooms, welcome, pending } = model.state.value;
  const room = rooms.get(ticket);
  switch (verb) {
    case "start":
      if (!welcome || model.starting.value) return false;
      void model.start({ subject: text, name: "", email: "", follows: 0 }, null);
      return true;
    case "say":
      if (!room || !isOpen(room)) return false;
      void model.say(ticket, text);
      return true;
    case "again": {
      const failed = pending.find((one) => one.ticket === ticket && one.sign === "failed");
      if (failed) model.sayAgain(failed.cid);
      return Boolean(failed);
    }
    case "look":
      if (room) model.go({ view: "ticket", ticket });
      return Boolean(room);
    case "end":
      if (!room || !isOpen(room)) return false;
      model.ask({ type: "end", ticket });
      return true;
    case "here":
      if (!room || !isOpen(room)) return false;
      model.ask({ type: "here", ticket });
      return true;
    case "typing":
      if (!room || !isOpen(room)) return false;
      return model.send({ type: "typing", ticket, on: true });
    default:
      throw new Error(`nobody can ${verb}`);
  }
}

export function looks(): unknown {
  const { rooms, welcome, pending } = model.state.value;
  return {
    phase: model.status().phase,
    code: model.status().code,
    who: welcome?.who ?? "",
    starting: model.starting.value,
    rooms: [...rooms.values()].map((room) => ({
      ticket: room.view.id,
      subject: room.view.subject,
      open: isOpen(room),
      loaded: room.loaded,
      opening: room.opening,
      version: room.view.version,
      items: room.items.map(({ seq, kind, text = "" }) => [seq, kind, text]),
      lines: room.loaded ? lines(thread(room, pending, () => true)) : [],
    })),
    pending: pending.map(({ ticket, text, sign, code }) => ({ ticket, text, sign, code })),
  };
}

/** Changes whenever `looks` might. */
export const version = () => [model.state.value, model.status(), model.starting.value];

function lines(rows: Row[]): Line[] {
  return rows.flatMap((row) => {
    if (row.type !== "group") return [];
    return row.bubbles.map(({ text, sign, code }): Line => [text, sign === "failed" ? code : (sign ?? "")]);
  });
}
