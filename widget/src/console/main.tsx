/** The console's page: words first, then whoever is signed in, then the desk or the sign-in. */

import { effect, signal } from "@preact/signals";
import { render } from "preact";
import { newCid } from "../ui/cid";
import { save } from "../ui/files";
import { loadWords, locale, t } from "../ui/i18n";
import { CLOSE } from "../wire";
import { ask } from "./api";
import { Articles } from "./articles";
import { Bell } from "./bell";
import { wind } from "./clockwork";
import { Console } from "./console";
import "./console.css";
import { forget } from "./drafts";
import { readPlace, section, writePlace } from "./places";
import { Session } from "./session";
import { LANGUAGES, type Language, language } from "./settings";
import { Desk } from "./views/Desk";
import { SignIn } from "./views/SignIn";

type Scene =
  | { kind: "loading" }
  | { kind: "signin"; notice: string }
  | { kind: "unreachable" }
  | { kind: "outdated" }
  | { kind: "desk"; console: Console; articles: Articles };

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
    save,
  });
  bell = new Bell(console);
  const articles = new Articles(ask);
  const undo = [
    wind(() => console.now()),
    keepAddress(console, articles),
    readWhileLooking(console),
    wakeUp(console),
  ];
  leave = () => {
    leave = () => {};
    for (const stop of undo) stop();
    bell?.end();
    console.end();
  };
  console.start();
  scene.value = { kind: "desk", console, articles };
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

/** What is on the screen stands in the address, so that a reload and the Back button mean what they say. */
function keepAddress(console: Console, articles: Articles): () => void {
  const read = () => {
    const place = readPlace(location.hash);
    if (place.section === "articles") void articles.show(place.id);
    else console.select(place.id);
    section.value = place.section;
  };
  read();
  addEventListener("popstate", read);
  const selecting = effect(() => {
    // A chat that was chosen elsewhere, by a notification say, is shown.
    if (console.selected.value !== null) section.value = "chats";
  });
  const stop = effect(() => {
    const id =
      section.value === "articles"
        ? (articles.open.value?.written?.id ?? articles.wanted.value)
        : console.selected.value;
    const hash = writePlace({ section: section.value, id });
    if (location.hash !== hash) history.pushState(null, "", location.pathname + location.search + hash);
  });
  return () => {
    removeEventListener("popstate", read);
    selecting();
    stop();
    history.replaceState(null, "", location.pathname + location.search);
    section.value = "chats";
  };
}

/** What is on a screen that somebody looks at has been read. */
function readWhileLooking(console: Console): () => void {
  const look = () => {
    const ticket = console.ticket.value;
    console.desk.value; // new items come with a new desk
    const looking = section.value === "chats" && document.visibilityState === "visible";
    if (ticket && looking) console.saw(ticket);
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
      return <Desk console={now.console} articles={now.articles} signOut={() => signOut(now.console)} />;
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
