/** The panel: one header, one view, one calm line when nothing gets through. */

import { Component } from "preact";
import { t } from "../ui/i18n";
import { chunk } from "./chunks";
import { Home } from "./home";
import * as model from "./model";
import { New } from "./new";
import { Late } from "./parts";
import { TicketView } from "./ticket";
import { TicketList } from "./tickets";

export class App extends Component {
  #place: string | false = false;
  /** What had the focus before this drawing. */
  #held: Element | null = null;

  override componentDidMount() {
    this.componentDidUpdate();
    addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing) model.close();
    });
  }

  /** A new view begins at what is marked there. What takes the focus with it (a closed chat's message box) leaves it to a heading. */
  override componentDidUpdate() {
    const place = model.open.value && JSON.stringify([model.route.value, !model.state.value.welcome]);
    const moved = place !== this.#place;
    if (place && (moved || !this.#held?.isConnected)) {
      const find = (what: string) => document.querySelector<HTMLElement>(what);
      (find(moved ? "[data-first]" : "main [tabindex='-1']") ?? find("h1"))?.focus({ preventScroll: true });
    }
    this.#place = place;
  }

  override render() {
    this.#held = document.activeElement;
    return (
      <div class="panel">
        <View />
        <Line />
      </div>
    );
  }
}

function View() {
  const route = model.route.value;
  switch (route.view) {
    case "tickets":
      return <TicketList />;
    case "new":
      return <New route={route} key={route.follows + route.subject} />;
    case "sent":
      return <Late name="after">{({ Sent }) => <Sent route={route} />}</Late>;
    case "ticket":
      return <TicketView id={route.ticket} key={route.ticket} />;
    default:
      return <Home />;
  }
}

const CALM_MS = 2_000;

function Line() {
  const { phase, downSince, code, reason } = model.status();
  if (phase === "stopped" && code && model.stuck.value)
    return <Late name="stop">{({ Stopped }) => <Stopped code={code} reason={reason} />}</Late>;
  const late = downSince !== null && Date.now() - downSince > CALM_MS;
  return (
    <div role="status" class="offline">
      {late && <p>{phase === "live" ? chunk("after") && t("after.unstored") : t("widget.offline")}</p>}
    </div>
  );
}
