/**
 * The only script on the host's page: the SDK's calls, the launcher, the frame and its checked messages.
 *
 * A guest's manners: nothing is requested before the first opening (or while a ticket is open), nothing of the host's
 * is changed, everything lives in one shadow root, and `destroy` leaves no trace. A size budget is a test.
 */

import { isFromFrame, type ToFrame, type View } from "./host-messages";
import { localeOf, makeFace } from "./loader/face";
import type { SupportChat, SupportChatOptions } from "./sdk";

const HELLO_WITHIN_MS = 10_000;
const GOODBYE_WITHIN_MS = 2_000;

/** How far the frame is: no word from it yet, it said hello, it has its boot, it was told to sign out. */
const SILENT = 0;
const GREETED = 1;
const LIVE = 2;
const LEAVING = 3;

type Go = Extract<ToFrame, { type: "go" }>;
type Verb = (...args: never[]) => unknown;
type Api = SupportChat & { live?: boolean };

function start(script: HTMLScriptElement): void {
  const { origin } = new URL(script.src);
  const options: SupportChatOptions = { ...script.dataset };
  const [host, root, launcher, drawFace] = makeFace();
  const life = new AbortController();
  const { signal } = life;

  let isOpen = false;
  let unread = 0;
  let opener: Element | null;
  let go: Go | undefined;

  let panel: HTMLDivElement | undefined;
  let frame: HTMLIFrameElement | undefined;
  let stage = SILENT;
  let timer = 0;
  /** Changes with the frame and its user, so that an answer to an older question is recognised. */
  let turn = 0;

  let nowReady: () => void;
  const ready = new Promise<void>((resolve) => {
    nowReady = resolve;
  });

  const warn = (text: unknown) => console.warn("SupportChat:", text);

  const emit = (name: string, detail?: unknown) =>
    document.dispatchEvent(new CustomEvent(`supportchat:${name}`, { detail }));

  /** Reads or sets "this customer has an open ticket". Storage may be refused: then the badge waits for a click. */
  function keep(value?: boolean): unknown {
    const key = `supportchat:${options.app}`;
    try {
      if (value) localStorage[key] = 1;
      else if (value === false) delete localStorage[key];
      return localStorage[key];
    } catch {}
  }

  function draw(): void {
    const words = drawFace(options, isOpen, unread);
    if (!panel || !frame) return;
    panel.hidden = panel.inert = !isOpen || stage === LEAVING;
    frame.title = words["loader.frame"];
  }

  function load(): void {
    if (frame) return;
    frame = document.createElement("iframe");
    frame.allow = "clipboard-write";
    frame.src = `${origin}/embed/${encodeURIComponent(options.app as string)}?locale=${localeOf(options)}&host=${encodeURIComponent(location.origin)}`;
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
    }, HELLO_WITHIN_MS);
    draw();
  }

  function drop(): void {
    clearTimeout(timer);
    panel?.remove();
    panel = frame = undefined;
    stage = SILENT;
    turn++;
    // Opened again while the old frame was signing out.
    if (isOpen) load();
  }

  function post(message: ToFrame): void {
    frame?.contentWindow?.postMessage({ chat: 1, ...message }, origin);
  }

  const page = () => ({ url: location.href, title: document.title });

  /** Tells a booted frame what it shows, and on which page: the host is never patched to learn of its navigation. */
  function tell(): void {
    if (stage !== LIVE) return;
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
    }
  }

  async function sendBoot(): Promise<void> {
    const mine = ++turn;
    const userToken = options.userToken || (await askToken());
    // The host signed out, or told us of somebody else, while it looked for the token.
    if (mine !== turn) return;
    // By way of JSON: functions and other things that cannot be posted stay here.
    const told = JSON.parse(JSON.stringify(options));
    post({ type: "boot", options: { ...told, userToken, locale: localeOf(options), page: page() } });
    stage = LIVE;
    tell();
  }

  function receive({ data, origin: from, source }: MessageEvent): void {
    // A sibling frame, another site in our frame, the host itself: whoever is not exactly our frame is not heard.
    if (!frame || source !== frame.contentWindow || from !== origin || !isFromFrame(data)) return;
    const { type } = data;
    if (stage === LEAVING) {
      if (type === "bye") drop();
    } else if (type === "hello") {
      clearTimeout(timer);
      stage = GREETED;
      frame.style.visibility = "visible";
      if (isOpen) frame.focus();
      sendBoot();
    } else if (type === "close") {
      close();
    } else if (type === "unread") {
      unread = data.count;
      draw();
      emit(type, unread);
    } else if (type === "keep") {
      keep(data.keep);
    } else if (type === "needUserToken") {
      const mine = turn;
      askToken().then((token) => mine === turn && post({ type: "userToken", id: data.id, token }));
    } else if (type === "event") {
      emit(data.name, data.detail);
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
    // Focus goes back only if it was with us, or nowhere: not from a field of the host's.
    const ours = [host, document.body].includes(document.activeElement as HTMLElement);
    draw();
    tell();
    if (ours) ((opener?.isConnected ? opener : launcher) as HTMLElement).focus();
    emit("close");
  }

  const toggle = () => (isOpen ? close() : open(launcher));

  /** Starting and changing are the same: what is told is merged, what is there is drawn and told again. */
  function boot(told?: SupportChatOptions): void {
    if (told?.app && told.app !== options.app) shutdown();
    Object.assign(options, told);
    if (!options.app) return warn(`data-app is missing: <script async src="${script.src}" data-app="KEY">`);
    if (!/^#.{6}$/.test(`${options.color}`)) delete options.color;
    draw();
    if (stage % LEAVING) sendBoot();
    if (host.isConnected) return;
    // Beside the body: hosts replace and style what is in theirs.
    document.documentElement.append(host);
    nowReady();
    // Safari has no requestIdleCallback.
    (window.requestIdleCallback ?? setTimeout)(() => host.isConnected && keep() && load());
  }

  function shutdown(): void {
    close();
    keep(false);
    turn++;
    unread = 0;
    for (const field of ["userToken", "getUserToken", "name", "email", "context"] as const) delete options[field];
    if (!stage) drop();
    else if (stage !== LEAVING) {
      post({ type: "shutdown" });
      stage = LEAVING;
      timer = setTimeout(drop, GOODBYE_WITHIN_MS);
    }
    draw();
  }

  function on(name: string, listener: (detail: unknown) => void): () => void {
    const type = `supportchat:${name}`;
    const hear = (event: Event) => listener((event as CustomEvent).detail);
    document.addEventListener(type, hear, { signal });
    return () => document.removeEventListener(type, hear);
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
    open: () => open(),
    close,
    toggle,
    show: () => boot({ launcher: "default" }),
    hide: () => boot({ launcher: "none" }),
    newTicket: (subject?: string) => open(null, "new", { subject }),
    showTicket: (number: number) => open(null, "ticket", { number: +number }),
    showTickets: () => open(null, "tickets"),
    setLocale: (to: string) => {
      options.locale = to;
      draw();
      if (stage === LIVE) post({ type: "locale", locale: localeOf(options) });
    },
    on,
    ready: (then?: () => void) => ready.then(then),
    destroy,
  };

  const api = ((verb: string, ...args: never[]) => {
    try {
      return (verbs[verb] as Verb)(...args);
    } catch (error) {
      // A host's page must not break on a call to us.
      warn(`unknown verb or bad arguments: ${verb}: ${error}`);
    }
  }) as Api;
  api.live = true;

  launcher.onclick = toggle;
  addEventListener("message", receive, { signal });
  addEventListener("blur", tell, { signal });
  document.addEventListener(
    "click",
    (event) => {
      const button = (event.composedPath()[0] as Element).closest?.<HTMLElement>("[data-chat-open]");
      if (!button) return;
      event.preventDefault();
      open(button, button.dataset.chatOpen as View | undefined);
    },
    // While capturing: a menu of the host's that stops its clicks still opens the chat.
    { capture: true, signal },
  );

  const queue = window.SupportChat?.q ?? [];
  window.SupportChat = api;
  ready.then(() => emit("ready"));
  if (options.app) boot();
  for (const call of queue) api(...(call as ["open"]));
  if (!host.isConnected) boot();
}

const script = document.currentScript as HTMLScriptElement | null;
// A page that runs the tag twice (a swapped body, a second snippet) keeps the first.
if (script && !(window.SupportChat as Api | undefined)?.live) start(script);
