/** The console's JSON over HTTP, for what is no conversation. Same origin; the session is a cookie that this page never sees. */

export type Answer<T> =
  | { kind: "done"; value: T }
  /** The server's own code, and whatever came with it. */
  | { kind: "refused"; code: string; body: Record<string, unknown> }
  /** It could not be reached. */
  | { kind: "failed" };

export type Ask = <T>(method: string, url: string, body?: unknown) => Promise<Answer<T>>;

export const ask: Ask = async <T>(method: string, url: string, body?: unknown): Promise<Answer<T>> => {
  const init: RequestInit = { method, credentials: "same-origin", cache: "no-store" };
  if (body !== undefined) {
    init.headers = { "content-type": "application/json" };
    init.body = JSON.stringify(body);
  }
  try {
    const answer = await fetch(url, init);
    const said = (await answer.json().catch(() => ({}))) as Record<string, unknown>;
    if (answer.ok) return { kind: "done", value: said as T };
    return { kind: "refused", code: String(said.code ?? "internal"), body: said };
  } catch {
    return { kind: "failed" };
  }
};
