/** The frame's beginning: words, first view, line to the host. Everything it needs to know stands on <html>. */

import "../ui/tokens.css";
import "./frame.css";
import { render } from "preact";
import { drawWith } from "../ui/signal";
import { App } from "./app";
import { alone, listen, tell } from "./host";
import { hear } from "./model";
import { page, speak } from "./page";

const locale = page.locale as string;

speak(locale).then(() => {
  drawWith(() => render(<App />, document.getElementById("app") as Element));
  tell({ type: "ready" });
});

listen(hear);
tell({ type: "hello" });
if (alone) {
  hear({ type: "boot", options: { locale, page: { url: location.href, title: document.title } } });
  hear({ type: "panel", open: true });
}
