/**
 * Where files of messages are to be had: asked for one message after another (the server may call it too fast), known for as long as
 * it holds. What was asked on a connection that is gone is asked again on the next.
 */

import { save } from "../../ui/files";
import { signal } from "../../ui/signal";
import type { FileLink, FileLinks } from "../../wire";
import { ears, now, send } from "../model";

/** Nobody begins a download later than this (ms) before the end. */
const MARGIN = 10_000;
/** A picture that was sent just now has its thumbnail a moment later: it is asked for again so often, each time twice as late. */
const LOOKS = 4;
const LOOK_MS = 1_000;

interface Asked {
  ticket: number;
  seq: number;
}

const key = ({ ticket, seq }: Asked) => `${ticket} ${seq}`;

const known = new Map<string, FileLinks>();
const looks = new Map<string, number>();
/** The first one is on its way, if `flying`. */
const queue: Asked[] = [];
let flying = false;
/** What somebody wants to have: it is saved when its links are there. */
let wanted = "";
const drawn = signal(0);

/** The links of a message, if they are known; else they are asked for, and the page drawn again. */
export function linked(ticket: number, seq: number): FileLink[] | undefined {
  const found = known.get(key({ ticket, seq }));
  if (!found) ask({ ticket, seq });
  return found?.files;
}

/** Saves a file, with links that still hold. */
export function saveFile(ticket: number, seq: number, id: string): void {
  const found = known.get(key({ ticket, seq }));
  const link = found?.files.find((one) => one.id === id);
  if (link && found && found.until - MARGIN > now.value) save(link.url);
  else {
    wanted = id;
    ask({ ticket, seq });
  }
}

function ask(one: Asked): void {
  if (!queue.some((other) => key(other) === key(one))) queue.push(one);
  flow();
}

function flow(): void {
  const [next] = queue;
  if (next && !flying) flying = send({ type: "links", ...next });
}

function answered(): void {
  queue.shift();
  flying = false;
  flow();
}

ears.push((frame) => {
  if (frame?.type === "links") {
    known.set(key(frame), frame);
    answered();
    const link = frame.files.find(({ id }) => id === wanted);
    if (link) {
      wanted = "";
      save(link.url);
    }
    if (frame.files.some(({ thumbnail }) => !thumbnail)) lookAgain(frame);
    drawn.value++;
  } else if (frame?.type === "error" && frame.verb === "links") {
    answered();
  } else if (frame?.type === "welcome") {
    flying = false;
    flow();
  } else if (!frame) {
    known.clear();
    queue.length = 0;
  }
});

function lookAgain({ ticket, seq }: Asked): void {
  const one = { ticket, seq };
  const times = looks.get(key(one)) ?? 0;
  looks.set(key(one), times + 1);
  if (times < LOOKS) setTimeout(() => ask(one), LOOK_MS * 2 ** times);
}
