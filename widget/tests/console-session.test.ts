import assert from "node:assert/strict";
import { test } from "node:test";
import { Stop } from "../src/connection";
import { browserName } from "../src/console/browser";
import { Session } from "../src/console/session";

interface Call {
  url: string;
  method: string;
  body: unknown;
  credentials: string | undefined;
}

/** A session whose server gives this one answer, and what it was asked. */
function server(status: number, body: unknown = {}, headers: Record<string, string> = {}) {
  const calls: Call[] = [];
  const session = new Session(async (url, init = {}) => {
    const asked = typeof init.body === "string" ? JSON.parse(init.body) : undefined;
    calls.push({ url, method: init.method ?? "GET", body: asked, credentials: init.credentials });
    return new Response(status === 204 ? null : JSON.stringify(body), { status, headers });
  });
  return { session, calls };
}

const unreachable = () =>
  new Session(async () => {
    throw new TypeError("network");
  });

test("signing in posts e-mail and password as JSON, to this origin only", async () => {
  const { session, calls } = server(200, { agent: {} });
  assert.deepEqual(await session.signIn("ana@chat.example", "secreto"), { kind: "in" });
  assert.deepEqual(calls, [
    {
      url: "/console/session",
      method: "POST",
      body: { email: "ana@chat.example", password: "secreto" },
      credentials: "same-origin",
    },
  ]);
});

test("a wrong password is told from a server that fails", async () => {
  assert.deepEqual(await server(401).session.signIn("a@b.example", "x"), { kind: "wrong" });
  assert.deepEqual(await server(422).session.signIn("a", "x"), { kind: "wrong" });
  assert.deepEqual(await server(500).session.signIn("a@b.example", "x"), { kind: "failed" });
  assert.deepEqual(await unreachable().signIn("a@b.example", "x"), { kind: "failed" });
});

test("a refusal that has a sentence of its own shows it", async () => {
  const insecure = server(403, { code: "https_required", message: "Usa https." });
  assert.deepEqual(await insecure.session.signIn("a@b.example", "x"), {
    kind: "refused",
    message: "Usa https.",
  });
  assert.deepEqual(await server(403).session.signIn("a@b.example", "x"), { kind: "failed" });
});

test("too many attempts say how long to wait: from the body, else from the header, else a minute", async () => {
  assert.deepEqual(await server(429, { retry_after: 94.2 }).session.signIn("a@b.example", "x"), {
    kind: "slow",
    seconds: 95,
  });
  assert.deepEqual(await server(429, {}, { "retry-after": "30" }).session.signIn("a@b.example", "x"), {
    kind: "slow",
    seconds: 30,
  });
  assert.deepEqual(await server(429).session.signIn("a@b.example", "x"), { kind: "slow", seconds: 60 });
});

test("whether somebody is signed in is yes, no, or not known", async () => {
  assert.equal(await server(200).session.find(), "in");
  assert.equal(await server(204).session.find(), "out");
  assert.equal(await server(503).session.find(), "failed");
  assert.equal(await unreachable().find(), "failed");
});

test("each socket token is asked for anew", async () => {
  const { session, calls } = server(200, { token: "t1" });
  assert.equal(await session.socketToken(), "t1");
  assert.equal(await session.socketToken(), "t1");
  assert.deepEqual(
    calls.map(({ method, url }) => `${method} ${url}`),
    ["POST /console/socket-token", "POST /console/socket-token"],
  );
});

test("no session any more stops the connection, a failing server does not", async () => {
  await assert.rejects(
    server(401).session.socketToken(),
    (error) => error instanceof Stop && error.code === 4502,
  );
  await assert.rejects(
    server(503).session.socketToken(),
    (error) => error instanceof Error && !(error instanceof Stop),
  );
  await assert.rejects(
    unreachable().socketToken(),
    (error) => error instanceof Error && !(error instanceof Stop),
  );
});

test("signing out counts only when the server heard of it", async () => {
  assert.equal(await server(204).session.signOut(), true);
  assert.equal(await server(401).session.signOut(), true);
  assert.equal(await server(500).session.signOut(), false);
  assert.equal(await unreachable().signOut(), false);
});

test("a user agent reads as browser, version and system", () => {
  const kit = "AppleWebKit/537.36 (KHTML, like Gecko)";
  assert.equal(
    browserName(`Mozilla/5.0 (Windows NT 10.0) ${kit} Chrome/131.0.0.0 Safari/537.36`),
    "Chrome 131 · Windows",
  );
  assert.equal(
    browserName(`Mozilla/5.0 (Windows NT 10.0) ${kit} Chrome/131.0.0.0 Safari/537.36 Edg/131.0.2`),
    "Edge 131 · Windows",
  );
  assert.equal(
    browserName(
      "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605 Version/18.1 Mobile/15E Safari/604",
    ),
    "Safari 18 · iPhone",
  );
  assert.equal(
    browserName("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    "Firefox 140 · Linux",
  );
  assert.equal(browserName("<script>x</script>"), "<script>x</script>");
});
