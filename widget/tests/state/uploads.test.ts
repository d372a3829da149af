import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { Uploads } from "../../src/state/uploads";
import { fileSize } from "../../src/ui/files";
import { locale } from "../../src/ui/i18n";

/** As much of XMLHttpRequest as an upload needs; a test plays the network. */
class Request {
  readonly headers: Record<string, string> = {};
  readonly upload: { onprogress: ((event: { loaded: number }) => void) | null } = { onprogress: null };
  onloadend: (() => void) | null = null;
  responseText = "";
  url = "";
  body: unknown;
  aborted = false;
  open(_method: string, url: string) {
    this.url = url;
  }
  setRequestHeader(name: string, value: string) {
    this.headers[name] = value;
  }
  send(body: unknown) {
    this.body = body;
  }
  abort() {
    this.aborted = true;
    this.onloadend?.();
  }
  answer(said: object) {
    this.responseText = JSON.stringify(said);
    this.onloadend?.();
  }
  fail() {
    this.onloadend?.();
  }
}

function desk({ bytes = 1000, count = 10 } = {}) {
  const requests: Request[] = [];
  const stored = new Map<number, string>();
  let changes = 0;
  let cids = 0;
  const make = () =>
    new Uploads({
      request: (place) => ({ url: "/console/files", headers: { "Chat-Ticket": String(place) } }),
      limits: () => ({ bytes, count }),
      changed: () => changes++,
      newCid: () => `cid-${++cids}`,
      store: {
        read: (place) => stored.get(place) ?? "",
        write: (place, text) => stored.set(place, text),
      },
      xhr: () => {
        const request = new Request();
        requests.push(request);
        return request as unknown as XMLHttpRequest;
      },
    });
  return { uploads: make(), again: make, requests, stored, changes: () => changes };
}

const file = (name: string, bytes = 3) => new File(["x".repeat(bytes)], name);
const there = (id: string, name = "a.png") => ({ id, name, kind: "png" as const, bytes: 3 });
const at = <T>(list: readonly T[], index: number): T => {
  const found = list[index];
  assert.ok(found !== undefined);
  return found;
};

test("a file goes up under its own id, says how far it is, and stands ready with what the server calls it", () => {
  const { uploads, requests } = desk();
  uploads.add(7, [file("año ñ.png")]);
  const request = at(requests, 0);
  assert.equal(request.url, "/console/files");
  assert.deepEqual(request.headers, {
    "Chat-Ticket": "7",
    "Chat-Cid": "cid-1",
    "Chat-Name": "a%C3%B1o%20%C3%B1.png",
  });
  request.upload.onprogress?.({ loaded: 2 });
  assert.equal(at(uploads.of(7), 0).sent, 2);
  assert.ok(!uploads.settled(7));
  request.answer(there("id-1", "limpio.png"));
  assert.ok(uploads.settled(7));
  assert.equal(at(uploads.of(7), 0).name, "limpio.png");
  assert.deepEqual(uploads.take(7), [there("id-1", "limpio.png")]);
  assert.deepEqual(uploads.of(7), []);
});

test("what is too large or one too many is told at once and never sent", () => {
  const { uploads, requests } = desk({ bytes: 10, count: 2 });
  uploads.add(1, [file("large", 11), file("fits"), file("third")]);
  assert.deepEqual(
    uploads.of(1).map(({ error, limit }) => [error, limit]),
    [
      ["file_too_large", 10],
      ["", 0],
      ["too_many_files", 2],
    ],
  );
  assert.equal(requests.length, 1);
});

test("three go up at once, and the next one when there is room", () => {
  const { uploads, requests } = desk();
  uploads.add(
    1,
    ["a", "b", "c", "d", "e"].map((name) => file(name)),
  );
  assert.equal(requests.length, 3);
  at(requests, 1).answer({ code: "file_type" });
  assert.equal(requests.length, 4);
  uploads.remove(1, "cid-1");
  assert.ok(at(requests, 0).aborted);
  assert.equal(requests.length, 5);
  assert.equal(uploads.of(1).length, 4);
});

test("what did not get through can be sent again under the same id, and a refusal keeps its own sentence", () => {
  const { uploads, requests } = desk();
  uploads.add(1, [file("a")]);
  at(requests, 0).fail();
  assert.equal(at(uploads.of(1), 0).error, "file_failed");
  uploads.retry(1, "cid-1");
  assert.equal(at(requests, 1).headers["Chat-Cid"], "cid-1");
  assert.ok(at(requests, 1).body instanceof Blob);
  at(requests, 1).answer({ code: "file_macros", id: "0123456789ab" });
  assert.equal(at(uploads.of(1), 0).error, "file_macros");
});

test("what the server calls too fast goes again when it said, and shows no error", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { uploads, requests } = desk();
  uploads.add(1, [file("a")]);
  at(requests, 0).answer({ code: "rate_limited", retry_after: 2 });
  assert.equal(at(uploads.of(1), 0).error, "");
  context.mock.timers.tick(1999);
  assert.equal(requests.length, 1);
  context.mock.timers.tick(1);
  assert.equal(requests.length, 2);
});

test("what is up survives a reload, place by place; what was cut off or is not up yet does not", () => {
  const { uploads, again, requests, stored } = desk();
  uploads.add(1, [file("a"), file("b")]);
  uploads.add(2, [file("c")]);
  at(requests, 0).answer(there("id-1"));
  const fresh = again();
  assert.deepEqual(
    fresh.of(1).map(({ file }) => file),
    [there("id-1")],
  );
  assert.deepEqual(fresh.of(2), []);
  assert.equal(fresh.take(1).length, 1);
  assert.equal(stored.get(1), "");
});

test("a proxy's page instead of an answer is a failure that may be tried again", () => {
  const { uploads, requests } = desk();
  uploads.add(1, [file("a")]);
  at(requests, 0).responseText = "null";
  at(requests, 0).fail();
  assert.equal(at(uploads.of(1), 0).error, "file_failed");
});

test("sizes are said as people say them", () => {
  assert.equal(fileSize(0), "0 KB");
  assert.equal(fileSize(48_213), "48 KB");
  assert.equal(fileSize(20 * 2 ** 20), "20 MB");
});

test("and as the server says them, in every language", () => {
  const file = path.join(process.cwd(), "..", "tests", "cases", "sizes.json");
  const cases: (Record<string, string> & { bytes: number })[] = JSON.parse(readFileSync(file, "utf8"));
  const before = locale.value;
  for (const language of ["es", "en", "pt"]) {
    locale.value = language;
    for (const one of cases) assert.equal(fileSize(one.bytes), one[language], `${one.bytes} ${language}`);
  }
  locale.value = before;
});
