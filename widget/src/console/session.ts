/** The agent's session: a cookie that this page never sees. Everything is same-origin JSON. */

import { Stop } from "../connection";
import { CLOSE } from "../wire";

export type SignIn =
  | { kind: "in" }
  | { kind: "wrong" }
  /** Too many attempts; `seconds` until the next one is looked at. */
  | { kind: "slow"; seconds: number }
  /** Not here, not like this (a password over plain http): the server's own sentence, in the page's language. */
  | { kind: "refused"; message: string }
  /** The server could not be reached, or failed. */
  | { kind: "failed" };

export type Found = "in" | "out" | "failed";

type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

export class Session {
  constructor(private readonly fetch: Fetch = (url, init) => globalThis.fetch(url, init)) {}

  /** Is somebody signed in? */
  async find(): Promise<Found> {
    const answer = await this.ask("GET", "/console/session");
    if (answer?.status === 204) return "out";
    return answer?.ok ? "in" : "failed";
  }

  async signIn(email: string, password: string): Promise<SignIn> {
    const answer = await this.ask("POST", "/console/session", { email, password });
    if (answer === null) return { kind: "failed" };
    if (answer.ok) return { kind: "in" };
    if (answer.status === 429) return { kind: "slow", seconds: await patience(answer) };
    if (answer.status === 403) {
      const message = await sentence(answer);
      return message ? { kind: "refused", message } : { kind: "failed" };
    }
    // A malformed address is refused as such, and is for the person the same mistake.
    return { kind: [400, 401, 422].includes(answer.status) ? "wrong" : "failed" };
  }

  /** False when the server did not hear of it: the session goes on. */
  async signOut(): Promise<boolean> {
    const answer = await this.ask("DELETE", "/console/session");
    return answer !== null && (answer.ok || answer.status === 401);
  }

  /** A one-use token for the socket's first frame. Throws `Stop` when nobody is signed in any more. */
  async socketToken(): Promise<string> {
    const answer = await this.ask("POST", "/console/socket-token", {});
    if (answer?.status === 401) throw new Stop(CLOSE.SESSION_ENDED);
    if (!answer?.ok) throw new Error(`socket-token: ${answer?.status ?? "no answer"}`);
    const { token } = (await answer.json()) as { token: string };
    return token;
  }

  private async ask(method: string, url: string, body?: unknown): Promise<Response | null> {
    const init: RequestInit = { method, credentials: "same-origin", cache: "no-store" };
    if (body !== undefined) {
      init.headers = { "content-type": "application/json" };
      init.body = JSON.stringify(body);
    }
    try {
      return await this.fetch(url, init);
    } catch {
      return null;
    }
  }
}

async function sentence(answer: Response): Promise<string> {
  const body = (await answer.json().catch(() => ({}))) as { message?: string };
  return body.message ?? "";
}

async function patience(answer: Response): Promise<number> {
  const body = (await answer.json().catch(() => ({}))) as { retry_after?: number };
  const seconds = body.retry_after ?? Number(answer.headers.get("retry-after"));
  return Number.isFinite(seconds) && seconds > 0 ? Math.ceil(seconds) : 60;
}
