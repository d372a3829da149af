import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { BootOptions } from "../src/host-messages";
import { CLOSE } from "../src/wire";

const dataset = { app: "acme", locale: "es" };
const documentElement = { dataset, getAttribute: () => null };
Object.assign(globalThis, { document: { documentElement }, localStorage: {}, sessionStorage: {} });
// After the globals: it reads them as it begins.
const session = await import("../src/frame/session");

const USER: BootOptions = {
  locale: "es",
  page: { url: "", title: "" },
  userToken: "first.token.of-the-host",
};
const refuse = (reason: string) => session.refused(CLOSE.BAD_AUTH, reason);

beforeEach(() => {
  for (const key of Object.keys(localStorage)) delete localStorage[key];
  session.begin(USER);
});

test("a user token that is refused is asked for once more, and what comes is the last word", () => {
  for (const reason of ["bad_identity", "token_expired", "unauthorized", "too_long"]) {
    session.begin(USER);
    session.hello();
    assert.equal(refuse(reason), "ask", reason);
    session.identify("second.token.of-the-host");
    assert.equal(session.hello().identity, "second.token.of-the-host");
    assert.equal(refuse(reason), "stop", reason);
  }
});

test("whoever tries again after that asks the host anew", () => {
  session.hello();
  assert.equal(refuse("bad_identity"), "ask");
  session.identify("second");
  session.hello();
  assert.equal(refuse("bad_identity"), "stop");
  session.hello();
  assert.equal(refuse("bad_identity"), "ask");
});

test("a host that had no token to give is asked at the next try", () => {
  session.hello();
  assert.equal(refuse("bad_identity"), "ask");
  session.hello();
  assert.equal(refuse("bad_identity"), "ask");
});

test("a session that expires is renewed, however often", () => {
  session.hello();
  session.keep("ours 0");
  for (let turn = 1; turn < 10; turn++) {
    assert.equal(session.hello().token, `ours ${turn - 1}`);
    assert.equal(refuse("token_expired"), "ask");
    session.identify(`token ${turn}`);
    const hello = session.hello();
    assert.deepEqual([hello.token, hello.identity], ["", `token ${turn}`]);
    session.keep(`ours ${turn}`);
  }
});

test("another boot begins anew", () => {
  session.hello();
  assert.equal(refuse("bad_identity"), "ask");
  session.identify("second");
  session.begin(USER);
  session.hello();
  assert.equal(refuse("bad_identity"), "ask");
});

test("what another tab keeps is tried before anybody is asked", () => {
  session.hello();
  session.keep("ours");
  session.begin(USER);
  const hello = session.hello();
  assert.deepEqual([hello.token, hello.identity], ["ours", USER.userToken]);
  assert.equal(refuse("bad_identity"), "again");
  assert.equal(session.hello().token, "");
  assert.equal(refuse("bad_identity"), "ask");
});

test("a page of the host's in place of a token still fits into a hello", () => {
  session.identify(`<!doctype html>${"x".repeat(1_000_000)}`);
  assert.equal(session.hello().identity?.length, 4000);
});

test("who is nobody is told so, and the host is asked once", () => {
  session.begin({ locale: "es", page: { url: "", title: "" } });
  session.hello();
  assert.equal(refuse("identity_required"), "ask");
  session.identify("a token that is refused");
  assert.equal(refuse("bad_identity"), "stop");
});
