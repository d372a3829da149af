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
/** Whose thumbnails are waited for. */
const pictures = new Map<string, string[]>();
/** The first one is on its way, if `flying`. */
const queue: Asked[] = [];
let flying = false;
/** What somebody wants to have, of which message: it is saved when its links are there. */
let wanted = { id: "", of: "" };
/** Of which message it could not be had, and the code that says why. */
const refusal = signal({ of: "", code: "" });
const drawn = signal(0);

/** Why a file of this message could not be had a moment ago; "" when nobody asked in vain. */
export const refused = (ticket: number, seq: number): string =>
  refusal.value.of === key({ ticket, seq }) ? refusal.value.code : "";

/** The links of a message with these pictures, if they are known; else they are asked for, and the page drawn again. */
export function linked(ticket: number, seq: number, ids: string[]): FileLink[] | undefined {
  const found = known.get(key({ ticket, seq }));
  pictures.set(key({ ticket, seq }), ids);
  if (!found) ask({ ticket, seq });
  return found?.files;
}

/** Saves a file, with links that still hold. */
export function saveFile(ticket: number, seq: number, id: string): void {
  const found = known.get(key({ ticket, seq }));
  const link = found?.files.find((one) => one.id === id);
  if (link && found && found.until - MARGIN > now.value) save(link.url);
  else {
    wanted = { id, of: key({ ticket, seq }) };
    ask({ ticket, seq });
  }
  refusal.value = { of: "", code: "" };
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
    const link = frame.files.find(({ id }) => id === wanted.id);
    if (link) save(link.url);
    // What is gone is left out.
    if (wanted.of === key(frame)) settle(link ? "" : "file_unknown");
    const hidden = pictures.get(key(frame)) ?? [];
    if (frame.files.some(({ id, thumbnail }) => !thumbnail && hidden.includes(id))) lookAgain(frame);
    drawn.value++;
  } else if (frame?.type === "error" && frame.verb === "links") {
    const [failed] = queue;
    if (failed && wanted.of === key(failed)) settle(frame.code);
    answered();
  } else if (frame?.type === "welcome") {
    flying = false;
    flow();
  } else if (!frame) {
    known.clear();
    queue.length = 0;
  }
});

/** Somebody's wish is done, or refused with this code. */
function settle(code: string): void {
  refusal.value = { of: wanted.of, code };
  wanted = { id: "", of: "" };
}

function lookAgain({ ticket, seq }: Asked): void {
  const one = { ticket, seq };
  const times = looks.get(key(one)) ?? 0;
  looks.set(key(one), times + 1);
  if (times < LOOKS) setTimeout(() => ask(one), LOOK_MS * 2 ** times);
}
