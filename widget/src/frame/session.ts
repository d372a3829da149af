/** Who the customer is: the tokens that a connection begins with, and what to do when the server takes them no more. */

import type { BootOptions } from "../host-messages";
import { locale } from "../ui/i18n";
import { recall, remember } from "../ui/storage";
import { CLOSE, type CustomerHello, VERSION } from "../wire";

export const cut = (text: unknown, length: number): string => String(text ?? "").slice(0, length);

export const zone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";

export class Session {
  /** The host's user token, until it has been exchanged for one of ours. */
  identity: string;
  private token: string;
  private readonly key: string;

  constructor(
    private readonly app: string,
    /** Where this app keeps its things. */
    prefix: string,
    readonly boot: BootOptions,
  ) {
    this.key = `${prefix}${person(boot)}:token`;
    this.identity = boot.userToken ?? "";
    this.token = recall(this.key);
  }

  hello(): CustomerHello {
    const { name, email } = this.boot;
    return {
      type: "hello",
      v: VERSION,
      app: this.app,
      token: this.token,
      identity: this.identity,
      name: cut(name, 200),
      email: cut(email, 254),
      locale: locale.peek(),
      zone: zone(),
    };
  }

  /** Ours from now on; "" forgets it. */
  keep(token: string): void {
    this.token = token;
    if (token) this.identity = "";
    remember(this.key, token);
  }

  /**
   * After a stop: "again" with what is left, "ask" the host for a new user token, or "stop".
   * An anonymous token that is no longer taken was only a memory of earlier tickets: without it the customer is new.
   */
  refused(code: number, reason: string): "again" | "ask" | "stop" {
    if (code !== CLOSE.BAD_AUTH) return "stop";
    const hadToken = this.token !== "";
    this.keep("");
    if (this.boot.userToken ? !(this.identity && hadToken) : reason === "identity_required") return "ask";
    return hadToken ? "again" : "stop";
  }
}

/** Whose user token it is, as far as the token says: only to keep people apart in this browser's storage. */
export function person({ userToken }: BootOptions): string {
  if (!userToken) return "";
  try {
    const payload = (userToken.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    return JSON.parse(atob(payload)).sub;
  } catch {
    return userToken.slice(-16);
  }
}
