/** Who the customer is: the tokens that a connection begins with, and what to do when the server takes them no more. */

import type { BootOptions } from "../host-messages";
import { recall, remember } from "../ui/storage";
import { CLOSE, type CustomerHello, VERSION } from "../wire";
import { page, spoken } from "./page";

export const cut = (text: unknown, length: number): string => String(text ?? "").slice(0, length);

export const zone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Where this app keeps its things. */
export const PREFIX = `supportchat:${page.app}:`;

/** What the host said about its user; null while there is nobody. */
export let boot: BootOptions | null = null;

/** The host's user token, until it has been exchanged for one of ours. */
let identity = "";
/** The host gave it because we asked, and nobody was welcomed with it yet. */
let answered = false;
let token = "";
let key = "";
/** The language that the last hello named. */
export let told = "";

export function begin(options: BootOptions | null): void {
  boot = options;
  if (!options) return;
  key = `${PREFIX}${person(options)}:token`;
  identity = options.userToken ?? "";
  answered = false;
  token = "";
}

export function identify(userToken: string): void {
  identity = userToken;
  answered = true;
}

export function hello(): CustomerHello {
  token ||= recall(key);
  told = spoken;
  return {
    type: "hello",
    v: VERSION,
    app: page.app as string,
    token,
    // A host's error page in its place may be larger than any frame: whatever is no token is refused as such.
    identity: cut(identity, 4000),
    name: cut(boot?.name, 200),
    email: cut(boot?.email, 254),
    locale: told,
    zone: zone(),
  };
}

/**
 * Ours from now on, and every tab's. False: another hello is due. Either we came as nobody, and meanwhile another tab became
 * somebody; then nothing has been said yet as who we would be, and the next hello is that other tab's customer's. Or the language
 * changed while the last one was on its way.
 */
export function keep(ours: string): boolean {
  if (!token && !identity && recall(key)) return false;
  token = ours;
  identity = "";
  answered = false;
  remember(key, ours);
  return told === spoken;
}

/**
 * After a stop: "again" with what is left, "ask" the host for a new user token, or "stop".
 * The host is asked once: what it gave is refused too where its secret or its clock is wrong, and the next would be. Whoever
 * presses the button asks anew, and so does a session that was welcomed and has expired.
 * An anonymous token that is no longer taken was only a memory of earlier tickets: without it the customer is new.
 */
export function refused(code: number, reason: string): "again" | "ask" | "stop" {
  if (code !== CLOSE.BAD_AUTH) return "stop";
  const hadToken = token !== "";
  // What another tab keeps by now is not what was refused.
  if (recall(key) === token) remember(key, "");
  token = "";
  if (boot?.userToken ? !(identity && hadToken) : reason === "identity_required") {
    const verdict = answered ? "stop" : "ask";
    answered = false;
    return verdict;
  }
  return hadToken ? "again" : "stop";
}

/** Whose user token it is, as far as the token says: only to keep people apart in this browser's storage. */
export function person({ userToken }: BootOptions): string {
  if (!userToken) return "";
  try {
    const payload = (userToken.split(".")[1] as string).replaceAll("-", "+").replaceAll("_", "/");
    return JSON.parse(atob(payload)).sub;
  } catch {
    return userToken.slice(-16);
  }
}
