/**
 * The only script on the host's page: the SDK's calls, the launcher, the frame and its checked messages.
 *
 * A guest's manners: nothing is requested before the first opening (or while a ticket is open), nothing of the host's
 * is changed, everything lives in one shadow root, and `destroy` leaves no trace. A size budget is a test.
 */

import { type FromFrame, isFromFrame, type ToFrame, type View } from "./host-messages";
import { drawLauncher, host, launcher, localeOf, root } from "./loader/face";
import type { SupportChat, SupportChatOptions } from "./sdk";

type Go = Extract<ToFrame, { type: "go" }>;
type Verb = (...args: never[]) => unknown;
type Api = SupportChat & { live?: boolean };

const script = (document.currentScript ?? {}) as HTMLScriptElement;
const { origin } = new URL(script.src, location.href);
const options: SupportChatOptions = { ...script.dataset };
const life = new AbortController();
// Capturing: a menu of the host's that stops its clicks still opens the chat.
const whileAlive = { capture: true, signal: life.signal };

let isOpen = false;
let unread = 0;
let opener: Element | null;
let go: Go | undefined;

let panel: HTMLDivElement | undefined;
let frame: HTMLIFrameElement | undefined;
/** 0 until the frame's hello, 1 until it has its boot, then 2. */
let stage = 0;
let timer = 0;
/** Changes with the frame and its user, so that an answer to an older question is recognised. */
let turn = 0;

let nowReady: () => void;
const ready = new Promise<void>((resolve) => {
  nowReady = resolve;
}).then(() => emit("ready"));

const warn = (text: unknown) => console.warn("SupportChat:", text);

const emit = (name: string, detail?: unknown): void => {
  document.dispatchEvent(new CustomEvent(`supportchat:${name}`, { detail }));
};

/** Reads or sets "this customer has an open ticket". Storage may be refused: then the badge waits for a click. */
function keep(value?: boolean): unknown {
  const key = `supportchat:${options.app}`;
  try {
    if (value) localStorage[key] = 1;
    else if (value === false) delete localStorage[key];
    return localStorage[key];
  } catch {
    return;
  }
}

function draw(): void {
  const words = drawLauncher(options, isOpen, unread);
  if (!panel || !frame) return;
  panel.hidden = !isOpen;
  frame.title = words.frame;
}

function load(): void {
  if (frame) return;
  frame = document.createElement("iframe");
  frame.hidden = true;
  frame.allow = "display-capture";
  frame.src = `${origin}/embed/${encodeURIComponent(options.app as string)}?locale=${localeOf(options)}&host=${location.origin}`;
  panel = document.createElement("div");
  // Until the frame greets, it is invisible and the panel takes the clicks: a way out when the network is slow.
  panel.onclick = close;
  panel.append(frame);
  root.append(panel);
  timer = setTimeout(() => {
    close();
    warn(`no answer from ${frame?.src}`);
    emit("error", { code: "frame_blocked" });
    drop();
  }, 10_000);
  draw();
}

/** Forgets the frame. It stays for a moment, unseen and unheard, to finish what it was told. */
function drop(): void {
  const old = panel;
  setTimeout(() => old?.remove(), 1_000);
  clearTimeout(timer);
  panel = frame = undefined;
  stage = 0;
  turn++;
}

function post(message: ToFrame): void {
  frame?.contentWindow?.postMessage({ chat: 1, ...message }, origin);
}

const page = () => ({ url: location.href, title: document.title });

/** Tells a booted frame what it shows, and on which page: the host is never patched to learn of its navigation. */
function tell(): void {
  if (stage < 2) return;
  post({ type: "page", ...page() });
  post({ type: "panel", open: isOpen });
  if (go) post(go);
  go = undefined;
}

async function askToken(): Promise<string | null | undefined> {
  try {
    return await options.getUserToken?.();
  } catch {
    emit("error", { code: "user_token" });
    return;
  }
}

async function sendBoot(): Promise<void> {
  const mine = ++turn;
  const userToken = options.userToken || (await askToken());
  // The host signed out, or told us of somebody else, while it looked for the token.
  if (mine !== turn) return;
  const told = { ...options, getUserToken: undefined, userToken, locale: localeOf(options), page: page() };
  post({ type: "boot", options: told });
  stage = 2;
  tell();
}

const heard: { [T in FromFrame["type"]]?: (message: Extract<FromFrame, { type: T }>) => void } = {
  hello() {
    clearTimeout(timer);
    stage = 1;
    (frame as HTMLIFrameElement).hidden = false;
    if (isOpen) (frame as HTMLIFrameElement).focus();
    sendBoot();
  },
  close,
  unread({ count }) {
    unread = count;
    draw();
    emit("unread", count);
  },
  keep: (message) => keep(message.keep),
  needUserToken({ id }) {
    const mine = turn;
    askToken().then((token) => mine === turn && post({ type: "userToken", id, token }));
  },
  event: ({ name, detail }) => emit(name, detail),
};

function receive({ data, origin: from, source }: MessageEvent): void {
  // A sibling frame, another site in our frame, the host itself: whoever is not exactly our frame is not heard.
  if (frame && source === frame.contentWindow && from === origin && isFromFrame(data)) {
    (heard[data.type] as ((message: FromFrame) => void) | undefined)?.(data);
  }
}

function open(from?: Element | null, view?: View, more?: Partial<Go>): void {
  if (!host.isConnected) return;
  go = view && { type: "go", view, ...more };
  if (!isOpen) {
    isOpen = true;
    opener = from ?? document.activeElement;
    load();
    draw();
    emit("open");
  }
  tell();
  if (stage) frame?.focus();
}

function close(): void {
  if (!isOpen) return;
  isOpen = false;
  // Focus goes back only if it was with us: not from a field of the host's.
  const ours = document.activeElement === host;
  draw();
  tell();
  if (ours) ((opener?.isConnected ? opener : launcher) as HTMLElement).focus();
  emit("close");
}

const toggle = () => (isOpen ? close() : open(launcher));

/** Starting and changing are the same: what is told is merged, what is there is drawn and told again. */
function boot(told?: SupportChatOptions): void {
  Object.assign(options, told);
  if (!options.app) {
    warn(`no app: <script async src="${script.src}" data-app="KEY">`);
    return;
  }
  draw();
  if (stage) sendBoot();
  if (host.isConnected) return;
  // Beside the body: hosts replace and style what is in theirs.
  document.documentElement.append(host);
  nowReady();
  setTimeout(() => host.isConnected && keep() && load(), 1_000);
}

function shutdown(): void {
  close();
  keep(false);
  unread = 0;
  for (const field of ["userToken", "getUserToken", "name", "email", "context"] as const)
    delete options[field];
  if (stage > 1) post({ type: "shutdown" });
  drop();
  draw();
}

function on(name: string, listener: (detail: unknown) => void): () => void {
  const type = `supportchat:${name}`;
  const hear = (event: Event) => listener((event as CustomEvent).detail);
  addEventListener(type, hear, whileAlive);
  return () => removeEventListener(type, hear, true);
}

function destroy(): void {
  close();
  drop();
  life.abort();
  host.remove();
  delete window.SupportChat;
}

const verbs: Record<string, Verb> = {
  boot,
  update: boot,
  shutdown,
  open,
  close,
  toggle,
  show: () => boot({ launcher: "" }),
  hide: () => boot({ launcher: "none" }),
  newTicket: (subject?: string) => open(null, "new", { subject }),
  showTicket: (number: number) => open(null, "ticket", { number: +number }),
  showTickets: () => open(null, "tickets"),
  setLocale: (locale: string) => boot({ locale }),
  on,
  ready: (then?: () => void) => ready.then(then),
  destroy,
};

const api = ((verb: string, ...args: never[]) => {
  try {
    return (verbs[verb] as Verb)(...args);
  } catch (error) {
    // A host's page must not break on a call to us.
    warn(`unknown verb "${verb}"? ${error}`);
    return;
  }
}) as Api;
api.live = true;

// A page that runs the tag twice (a swapped body, a second snippet) keeps the first.
if (!(window.SupportChat as Api | undefined)?.live) {
  launcher.onclick = toggle;
  addEventListener("message", receive, whileAlive);
  addEventListener("blur", tell, whileAlive);
  addEventListener(
    "click",
    (event) => {
      const button = (event.composedPath()[0] as Element).closest?.<HTMLElement>("[data-chat-open]");
      if (!button) return;
      event.preventDefault();
      open(button, button.dataset.chatOpen as View | undefined);
    },
    whileAlive,
  );

  const queue = window.SupportChat?.q ?? [];
  window.SupportChat = api;
  if (options.app) boot();
  for (const call of queue) api(...(call as ["open"]));
  if (!host.isConnected) boot();
}
