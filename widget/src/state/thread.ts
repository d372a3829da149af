/** A ticket's items and pending messages as the rows of a conversation: days, groups of one author within one minute, what happened. */

import type { File, ItemView } from "../wire";
import type { Pending, Room } from "./customer";

export type Sign = "waiting" | "sent" | "seen" | "failed";

export interface Bubble {
  /** The same for a pending message and the stored one, so that the bubble on the screen stays the same. */
  key: string;
  cid: string;
  text: string;
  files: readonly File[];
  /** Its number; 0 until it has one. */
  seq: number;
  at: number;
  /** Null for what the other side wrote. */
  sign: Sign | null;
  code: string;
}

export type Row =
  | { type: "day"; key: string; at: number }
  | { type: "group"; key: string; by: ItemView["by"]; name: string; at: number; bubbles: Bubble[] }
  | { type: "event"; key: string; item: ItemView };

/** The rows, oldest first. `sameDay` knows the reader's zone. */
export function thread(
  room: Room,
  pending: readonly Pending[],
  sameDay: (a: number, b: number) => boolean,
): Row[] {
  const rows: Row[] = [];
  let lastAt: number | null = null;
  const dated = (at: number) => {
    if (lastAt === null || !sameDay(lastAt, at)) rows.push({ type: "day", key: `day ${at}`, at });
    lastAt = at;
  };
  for (const item of room.items) {
    dated(item.at);
    if (item.kind === "message" || item.kind === "proposal") {
      add(rows, stored(item, room.view.agent_seen), item.by, item.name);
    } else {
      rows.push({ type: "event", key: `${item.seq}`, item });
    }
  }
  for (const one of pending) {
    if (one.ticket !== room.view.id) continue;
    dated(one.at);
    add(rows, { ...one, key: one.cid }, "customer");
  }
  return rows;
}

function stored(item: ItemView, agentSeen: number): Bubble {
  const own = item.by === "customer";
  return {
    key: item.cid || `${item.seq}`,
    cid: item.cid ?? "",
    text: item.text ?? "",
    files: item.files ?? [],
    seq: item.seq,
    at: item.at,
    sign: own ? (item.seq <= agentSeen ? "seen" : "sent") : null,
    code: "",
  };
}

function add(rows: Row[], bubble: Bubble, by: ItemView["by"], name = ""): void {
  const last = rows.at(-1);
  if (
    last?.type === "group" &&
    last.by === by &&
    last.name === name &&
    minute(last.at) === minute(bubble.at)
  ) {
    last.bubbles.push(bubble);
  } else {
    rows.push({ type: "group", key: bubble.key, by, name, at: bubble.at, bubbles: [bubble] });
  }
}

const minute = (at: number) => Math.floor(at / 60_000);
