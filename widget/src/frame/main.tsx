/** The frame's beginning: words, model, line to the host, first view. Everything it needs to know stands on <html>. */

import "../ui/tokens.css";
import "./frame.css";
import { render } from "preact";
import { loadWords, locale } from "../ui/i18n";
import { drawWith } from "../ui/signal";
import { App } from "./app";
import { hostLine } from "./host";
import { Model } from "./model";

const { app = "", locale: first = "es", host = "", ...page } = document.documentElement.dataset;

/** `data-words` is the first language's catalogue, `data-words-es`, `-en`, `-pt` are all of them. */
const catalogue = (language: string) =>
  page[`words${language.charAt(0).toUpperCase()}${language.slice(1)}`] ??
  (language === first ? page.words : undefined);

function speak(language: string): void {
  const url = catalogue(language);
  // The page stays in the language it has if the other cannot be had.
  if (url && language !== locale.peek()) loadWords(language, url).catch(() => {});
}

const tell = hostLine(host, (message) => model.hear(message));
const socketUrl = `${location.protocol.replace("http", "ws")}//${location.host}/ws/customer`;
const model = new Model(app, socketUrl, tell, speak);

loadWords(first, catalogue(first) ?? "")
  .catch(() => {})
  .then(() => {
    drawWith(() => render(<App model={model} />, document.getElementById("app") as Element));
    tell({ type: "ready" });
  });

tell({ type: "hello" });
if (window.parent === window) {
  model.hear({
    type: "boot",
    options: { locale: first, page: { url: location.href, title: document.title } },
  });
  model.hear({ type: "panel", open: true });
}
