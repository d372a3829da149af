/** The console's page: words first, then whoever is signed in, then the desk or the sign-in. */

import { effect, signal } from "@preact/signals";
import { render } from "preact";
import { newCid } from "../ui/cid";
import { loadWords, locale, t } from "../ui/i18n";
import { CLOSE } from "../wire";
import { Bell } from "./bell";
import { wind } from "./clockwork";
import { Console } from "./console";
import "./console.css";
import { forget } from "./drafts";
import { Session } from "./session";
import { LANGUAGES, type Language, language } from "./settings";
import { Desk } from "./views/Desk";
import { SignIn } from "./views/SignIn";

type Scene =
  | { kind: "loading" }
  | { kind: "signin"; notice: string }
  | { kind: "unreachable" }
  | { kind: "outdated" }
  | { kind: "desk"; console: Console };

const session = new Session();
const scene = signal<Scene>({ kind: "loading" });
let leave = () => {};

function enter(): void {
  leave();
  let bell: Bell | null = null;
  const console = new Console({
    session,
    url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/agent`,
    changed: (before, after) => bell?.heard(before, after),
    ended,
    replaced: () =>
      queueMicrotask(() => {
        leave();
        void find();
      }),
    newCid,
  });
  bell = new Bell(console);
  const undo = [wind(() => console.now()), keepAddress(console), readWhileLooking(console), wakeUp(console)];
  leave = () => {
    leave = () => {};
    for (const stop of undo) stop();
    bell?.end();
    console.end();
  };
  console.start();
  scene.value = { kind: "desk", console };
}

/** The server ended it: signed out here or elsewhere, or this page is too old to be understood. */
function ended(code: number): void {
  // Not from within the connection's own step.
  queueMicrotask(() => {
    leave();
    scene.value =
      code === CLOSE.BAD_PROTOCOL
        ? { kind: "outdated" }
        : { kind: "signin", notice: t("console.signin.ended") };
  });
}

async function signOut(console: Console): Promise<boolean> {
  if (!(await session.signOut())) {
    console.wake();
    return false;
  }
  leave();
  forget();
  scene.value = { kind: "signin", notice: "" };
  return true;
}

/** The selected ticket stands in the address, so that a reload and the Back button mean what they say. */
function keepAddress(console: Console): () => void {
  const read = () => console.select(Number(/^#ticket-(\d{1,16})$/.exec(location.hash)?.[1] ?? 0) || null);
  read();
  addEventListener("popstate", read);
  const stop = effect(() => {
    const id = console.selected.value;
    const hash = id === null ? "" : `#ticket-${id}`;
    if (location.hash !== hash) history.pushState(null, "", location.pathname + location.search + hash);
  });
  return () => {
    removeEventListener("popstate", read);
    stop();
    history.replaceState(null, "", location.pathname + location.search);
  };
}

/** What is on a screen that somebody looks at has been read. */
function readWhileLooking(console: Console): () => void {
  const look = () => {
    const ticket = console.ticket.value;
    console.desk.value; // new items come with a new desk
    if (ticket && document.visibilityState === "visible") console.saw(ticket);
  };
  document.addEventListener("visibilitychange", look);
  const stop = effect(look);
  return () => {
    document.removeEventListener("visibilitychange", look);
    stop();
  };
}

function wakeUp(console: Console): () => void {
  const wake = () => {
    if (document.visibilityState === "visible") console.wake();
  };
  addEventListener("online", wake);
  document.addEventListener("visibilitychange", wake);
  return () => {
    removeEventListener("online", wake);
    document.removeEventListener("visibilitychange", wake);
  };
}

async function find(): Promise<void> {
  scene.value = { kind: "loading" };
  const found = await session.find();
  if (found === "in") enter();
  else scene.value = found === "out" ? { kind: "signin", notice: "" } : { kind: "unreachable" };
}

function Page() {
  const now = scene.value;
  switch (now.kind) {
    case "loading":
      return <p class="sr-only">{t("console.loading")}</p>;
    case "signin":
      return <SignIn session={session} notice={now.notice} entered={enter} />;
    case "unreachable":
      return <Trouble text={t("console.unreachable")} action={t("console.action.retry")} act={find} />;
    case "outdated":
      return (
        <Trouble
          text={t("console.outdated")}
          action={t("console.action.reload")}
          act={() => location.reload()}
        />
      );
    case "desk":
      return <Desk console={now.console} signOut={() => signOut(now.console)} />;
  }
}

function Trouble({ text, action, act }: { text: string; action: string; act(): void }) {
  return (
    <main class="signin">
      <div class="signin-card" role="alert">
        <p>{text}</p>
        <button type="button" class="button" data-kind="primary" onClick={act}>
          {action}
        </button>
      </div>
    </main>
  );
}

/** The catalogue's address for a language stands on <html>. */
async function speak(code: Language): Promise<void> {
  const url = document.documentElement.getAttribute(`data-words-${code}`);
  if (url) await loadWords(code, url);
}

const own = document.documentElement.lang.slice(0, 2);
const initial = language.peek() || (LANGUAGES.find((code) => code === own) ?? "es");
quietly(speak(initial)).then(() => {
  const root = document.getElementById("app");
  if (root) render(<Page />, root);
  effect(() => {
    const chosen = language.value;
    if (chosen && chosen !== locale.peek()) quietly(speak(chosen));
  });
  void find();
});

/** Without words the keys stand in their place: ugly, but the console works. */
function quietly(asked: Promise<void>): Promise<void> {
  return asked.catch(() => {});
}
