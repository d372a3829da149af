// A browser for the model of the whole chat (tests/model): pages of the customer's frame with a network, a clock, a storage and
// dice that the model holds. Speaks JSON lines: a command in, what came of it out.
//
//   in   {"now": ms, "calls": [[verb, ...arguments], ...]}
//   out  {"did": [...], "out": [["dial", socket, page] | ["say", socket, text] | ["bye", socket, code], ...],
//         "next": ms | null, "screens": {page: what it shows now, if that changed}}

import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import esbuild from "esbuild";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const ORIGIN = "https://chat.example.test";

/** What a page finds in its global scope; names that are missing here are Node's. */
const GLOBALS = [
  "globalThis",
  "window",
  "document",
  "location",
  "navigator",
  "localStorage",
  "sessionStorage",
  "WebSocket",
  "Date",
  "Math",
  "crypto",
  "setTimeout",
  "clearTimeout",
  "setInterval",
  "clearInterval",
  "addEventListener",
  "fetch",
];

let now = 0;
let out = [];
let pages = new Map();
let sockets = new Map();
let storages = new Map();
let locks = new Map();
let seed = 1;
let order = 0;
let forgetful = false;

/** Mulberry32: the same run of the model throws the same dice. */
function dice() {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

/** A page's view of what is kept, by keys that are its properties; `told` hears of every change. */
const storage = (kept, told) =>
  new Proxy(kept, {
    set(_, key, value) {
      if (!(forgetful && key.includes("written:"))) kept[key] = String(value);
      told();
      return true;
    },
    deleteProperty(_, key) {
      if (key in kept) told();
      return delete kept[key];
    },
  });

/** Locks that pages of one browser hold: a name's first in the row holds it, the others wait. */
class Locks {
  rows = new Map();

  request(page, name, run) {
    if (name.startsWith("-")) return Promise.reject(new Error("NotSupportedError")); // as browsers do
    const row = this.rows.get(name) ?? [];
    this.rows.set(name, row);
    row.push({ page, run });
    if (row.length === 1) this.grant(row);
    return new Promise(() => {});
  }

  grant([first]) {
    if (first) Promise.resolve().then(() => pages.get(first.page.name) === first.page && first.run());
  }

  /** The page is gone: it holds nothing any more, and waits for nothing. */
  gone(page) {
    for (const [name, row] of this.rows) {
      const left = row.filter((one) => one.page !== page);
      this.rows.set(name, left);
      if (left[0] !== row[0]) this.grant(left);
    }
  }
}

class Page {
  constructor(name, skew, build) {
    this.name = name;
    this.whose = name.split("/")[0];
    this.skew = skew;
    this.timers = new Map();
    this.shown = [];
    this.listeners = [];
    this.code = build(...this.globals());
    this.code.begin();
  }

  globals() {
    const page = this;
    const kept = (name, told) => {
      if (!storages.has(name)) storages.set(name, {});
      return storage(storages.get(name), told);
    };
    const later = (every) => (run, ms) => {
      const id = ++order;
      page.timers.set(id, { at: now + Math.max(0, ms), run, every: every ? ms : 0 });
      return id;
    };
    const clear = (id) => page.timers.delete(id);
    const known = {
      document: {
        documentElement: {
          dataset: { app: "demo", color: "#2f55d4", host: ORIGIN },
          getAttribute: () => null,
          style: { setProperty() {} },
          lang: "",
        },
        visibilityState: "visible",
        addEventListener() {},
        hidden: false,
      },
      location: { origin: ORIGIN },
      navigator: {
        userAgent: "model",
        locks: { request: (name, run) => locksOf(page).request(page, name, run) },
      },
      localStorage: kept(`local ${page.whose}`, () => changed(page)),
      sessionStorage: kept(`session ${page.name}`, () => {}),
      WebSocket: class {
        constructor() {
          this.id = sockets.size + 1;
          this.page = page;
          sockets.set(this.id, this);
          out.push(["dial", this.id, page.name]);
        }
        send(text) {
          out.push(["say", this.id, text]);
        }
        close(code) {
          out.push(["bye", this.id, code ?? 1005]);
        }
      },
      Date: class extends Date {
        static now() {
          return now + page.skew;
        }
      },
      Math: Object.create(Math, { random: { value: dice } }),
      crypto: {
        getRandomValues(bytes) {
          return bytes.map(() => dice() * 256);
        },
      },
      setTimeout: later(false),
      clearTimeout: clear,
      setInterval: later(true),
      clearInterval: clear,
      addEventListener(type, hear) {
        page.listeners.push({ type, hear });
      },
      fetch: () => Promise.reject(new TypeError("there is no HTTP here")),
    };
    known.globalThis = known;
    known.window = known;
    known.parent = known;
    return GLOBALS.map((name) => known[name]);
  }

  hears(event) {
    for (const { type, hear } of this.listeners) if (type === event) hear();
  }

  /** The earliest timer; of two at the same moment the one that was set first. */
  due() {
    let first = null;
    for (const [id, timer] of this.timers)
      if (!first || timer.at < first.timer.at) first = { id, timer, page: this };
    return first;
  }

  /** What the screen shows, if that is not what it showed last. */
  news() {
    const version = this.code.version();
    if (version.every((part, i) => part === this.shown[i])) return null;
    this.shown = version;
    return this.code.looks();
  }
}

/** The other pages of the same browser hear of it, a moment later. */
function changed(page) {
  Promise.resolve().then(() => {
    for (const other of pages.values())
      if (other !== page && other.whose === page.whose) other.hears("storage");
  });
}

function locksOf({ whose }) {
  if (!locks.has(whose)) locks.set(whose, new Locks());
  return locks.get(whose);
}

const next = () =>
  [...pages.values()].reduce((first, page) => {
    const due = page.due();
    return due && (!first || due.timer.at < first.timer.at) ? due : first;
  }, null);

const settled = () => new Promise((resolve) => setImmediate(resolve));

async function tick() {
  const end = now;
  for (let due = next(); due && due.timer.at <= end; due = next()) {
    const { id, timer, page } = due;
    if (timer.every) timer.at += timer.every;
    else page.timers.delete(id);
    timer.run();
    await settled();
  }
}

const verbs = {
  reset(dice, forgets) {
    seed = dice;
    forgetful = forgets;
    out = [];
    pages = new Map();
    sockets = new Map();
    storages = new Map();
    locks = new Map();
  },
  /** A page is loaded, named "whose/which tab"; with the name of an earlier one, it is that tab. `skew`: ms by which its clock is fast. */
  load(name, skew) {
    if (pages.has(name)) verbs.unload(name);
    pages.set(name, new Page(name, skew, build));
  },
  /** As a browser does it: sockets are closed, nobody hears of anything any more. */
  unload(name) {
    const page = pages.get(name);
    pages.delete(name);
    for (const socket of sockets.values()) {
      if (socket.page !== page || socket.over) continue;
      socket.over = true;
      out.push(["bye", socket.id, 1001]);
    }
    locksOf(page).gone(page);
  },
  act(name, verb, ticket, text) {
    return pages.get(name)?.code.act(verb, ticket, text) ?? false;
  },
  /** The network of the machine came back, as the browser says. */
  wake(name) {
    pages.get(name).hears("online");
  },
  tick,
  opened(id) {
    const socket = sockets.get(id);
    if (!socket.over) socket.onopen?.();
  },
  heard(id, data) {
    const socket = sockets.get(id);
    if (!socket.over) socket.onmessage?.({ data });
  },
  over(id, code) {
    const socket = sockets.get(id);
    if (socket.over) return;
    socket.over = true;
    socket.onclose?.({ code });
  },
};

async function carryOut({ now: moment, calls }) {
  now = moment;
  out = [];
  const did = [];
  for (const [verb, ...rest] of calls) {
    did.push((await verbs[verb](...rest)) ?? null);
    await settled();
  }
  const screens = {};
  for (const page of pages.values()) {
    const news = page.news();
    if (news) screens[page.name] = news;
  }
  return { did, out, next: next()?.timer.at ?? null, screens };
}

async function bundle() {
  const { outputFiles } = await esbuild.build({
    entryPoints: [path.join(HERE, "page.ts")],
    absWorkingDir: path.resolve(HERE, "../.."),
    bundle: true,
    write: false,
    format: "iife",
    globalName: "page",
    target: "es2022",
    // The frame's own little signals, as in its real bundle.
    alias: { "@preact/signals-core": "./src/ui/signal.ts" },
    logLevel: "warning",
  });
  return new Function(...GLOBALS, `${outputFiles[0].text}\nreturn page;`);
}

/** Blocking, since there is nothing else to do: a third of the time that a stream takes. */
function* lines() {
  const chunk = Buffer.alloc(1 << 20);
  let text = "";
  for (let size = fs.readSync(0, chunk); size; size = fs.readSync(0, chunk)) {
    text += chunk.toString("utf8", 0, size);
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      yield text.slice(0, end);
      text = text.slice(end + 1);
    }
  }
}

const build = await bundle();
for (const line of lines()) {
  let answer;
  try {
    answer = await carryOut(JSON.parse(line));
  } catch (problem) {
    answer = { failed: problem.stack };
  }
  fs.writeSync(1, `${JSON.stringify(answer)}\n`);
}
