/**
 * Shows what an agent answers while the page is open. It asks for the ticket's version, which costs the server next to nothing,
 * and only while somebody looks. What is typed is never moved nor lost.
 */

import { box } from "./boxes";

interface Entry {
  seq: number;
  side: "customer" | "agent" | "copied" | "event";
  name: string;
  time: string;
  full: string;
  machine: string;
  parts: { text: string; href: string }[];
  day: string;
  goes_on: boolean;
  files: Shown[];
}

interface Shown {
  name: string;
  size: string;
  href: string;
  thumbnail: string;
  width: number;
  height: number;
}

interface News {
  version: number;
  last: number;
  state: string;
  label: string;
  closed: boolean;
  asks: boolean;
  waits: boolean;
  incomplete: boolean;
  may_rate: boolean;
  more: boolean;
  entries: Entry[];
}

/** ms between two questions: while something happens, and after `CALM` without anything. */
const OFTEN = 3_000;
const SELDOM = 15_000;
const CALM = 5 * 60_000;
/** ms at most, while the server does not answer. */
const LONGEST = 60_000;

export function follow(history: HTMLElement): void {
  const { news, lang, arrived, changed } = history.dataset;
  const list = history.querySelector("#messages");
  if (!news || !list || history.dataset.whole !== "yes") return;
  let tag = `"${history.dataset.version}-${lang}"`;
  let last = Number(history.dataset.last);
  let state = document.querySelector<HTMLElement>("#state .chip")?.dataset.state;
  let happened = Date.now();
  let failures = 0;
  let timer = 0;
  let asking = false;

  const say = (text: string) => {
    const said = document.querySelector("#said");
    if (said) said.textContent = text;
  };

  function show(told: News): void {
    const form = Boolean(document.querySelector("#missing"));
    if (told.more || told.incomplete !== form) {
      // More than a screen, or another form: the whole page, unless that would take away what somebody types.
      if (!box()?.value && !typing()) location.reload();
      if (told.more) return;
    }
    for (const entry of told.entries) {
      if (entry.seq <= last) continue;
      list?.append(...drawn(entry));
      if (entry.side === "agent" || entry.side === "copied")
        say((arrived ?? "").replace("{name}", entry.name));
    }
    last = Math.max(last, told.last);
    if (told.state !== state) {
      state = told.state;
      stands(told);
      say((changed ?? "").replace("{state}", told.label));
    }
    reveal(document.querySelector("#question"), told.asks && !told.closed);
    reveal(document.querySelector("#closed"), told.closed);
    reveal(document.querySelector("#rate"), told.may_rate);
    // Somebody may be in the middle of a word: what they send then goes along into a new ticket.
    const reply = box();
    const busy = reply?.value || document.activeElement === reply;
    if (!(told.closed && busy)) reveal(document.querySelector("#answering"), !told.closed);
    if (told.closed) reveal(document.querySelector("#top"), false);
  }

  async function ask(): Promise<void> {
    if (asking || document.hidden) return;
    asking = true;
    try {
      const answer = await fetch(`${news}?after=${last}`, { headers: { "if-none-match": tag } });
      if (answer.status === 403 || answer.status === 404) return; // signed out: nothing more is shown
      if (answer.ok) {
        tag = answer.headers.get("etag") ?? "";
        happened = Date.now();
        show(await answer.json());
      }
      failures = answer.ok || answer.status === 304 ? 0 : failures + 1;
    } catch {
      failures += 1;
    } finally {
      asking = false;
    }
    again();
  }

  function again(): void {
    clearTimeout(timer);
    const calm = Date.now() - happened > CALM ? SELDOM : OFTEN;
    timer = setTimeout(ask, Math.min(calm * 2 ** failures, LONGEST));
  }

  document.addEventListener("visibilitychange", ask);
  again();

  function drawn(entry: Entry): HTMLElement[] {
    const found: HTMLElement[] = [];
    if (entry.day) {
      const day = element("li", "day");
      day.append(element("span", "", entry.day));
      found.push(day);
    }
    const item = element("li", entry.side === "event" ? "event" : "message");
    item.id = `m${entry.seq}`;
    const time = element("time", "", entry.time) as HTMLTimeElement;
    time.dateTime = entry.machine;
    time.title = entry.full;
    const pieces = entry.parts.map(piece);
    if (entry.side === "event") {
      item.append(...pieces, " ", time);
    } else {
      item.dataset.side = entry.side;
      if (entry.goes_on) item.dataset.goesOn = "";
      const bubble = element("div", "bubble");
      bubble.append(...pieces);
      item.append(element("p", entry.goes_on ? "by sr-only" : "by", entry.name));
      if (entry.parts.length) item.append(bubble);
      if (entry.files.length) item.append(files(entry.files));
      item.append(time);
    }
    found.push(item);
    return found;
  }
}

function piece(part: { text: string; href: string }): Node {
  // Only what the server found to be an address of the web; text is text.
  if (!/^https?:\/\//i.test(part.href)) return document.createTextNode(part.text);
  const link = element("a", "", part.text) as HTMLAnchorElement;
  link.dir = "ltr"; // what was turned around before it does not turn it
  link.href = part.href;
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
  return link;
}

/** Whether somebody is in the middle of a form: a page that is loaded anew would take it away. */
function typing(): boolean {
  const active = document.activeElement;
  const fields = document.querySelectorAll<HTMLInputElement>("#missing input, #missing textarea, #copies");
  const filled = [...fields].some((field) => field.value !== field.defaultValue);
  return filled || Boolean(active?.closest("form")) || Boolean(document.querySelector(".attached li"));
}

function files(shown: Shown[]): HTMLElement {
  const list = element("ul", "sent-files");
  for (const file of shown) {
    const item = element("li", "");
    const link = element("a", "") as HTMLAnchorElement;
    link.href = file.href;
    link.download = "";
    if (file.thumbnail) {
      const picture = document.createElement("img");
      Object.assign(picture, { src: file.thumbnail, width: file.width, height: file.height, alt: "" });
      link.append(picture);
    }
    link.append(element("span", "file-name", file.name), " ", element("span", "file-size", file.size));
    item.append(link);
    list.append(item);
  }
  return list;
}

function stands(told: News): void {
  const chip = document.querySelector<HTMLElement>("#state .chip");
  if (chip) {
    chip.dataset.state = told.state;
    chip.textContent = told.label;
  }
  reveal(document.querySelector("#waits"), told.waits);
}

function reveal(element: HTMLElement | null, yes: boolean): void {
  if (element) element.hidden = !yes;
}

function element(name: string, className: string, text = ""): HTMLElement {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}
