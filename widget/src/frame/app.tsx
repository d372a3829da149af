/** The panel: one header, one view, one calm line when nothing gets through. */

import { Component, type ComponentChildren } from "preact";
import { errorText, t } from "../ui/i18n";
import { Icon, type IconName } from "../ui/icons";
import { CLOSE } from "../wire";
import { Home } from "./home";
import * as model from "./model";
import { New, Sent } from "./new";
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
      return <Sent route={route} />;
    case "ticket":
      return <TicketView id={route.ticket} key={route.ticket} />;
    default:
      return <Home />;
  }
}

interface HeaderProps {
  title: string;
  /** One line under the title. */
  line?: string;
  /** Who attends: the initials stand beside the title. */
  person?: string;
}

export function Header({ title, line, person }: HeaderProps) {
  const button = (icon: IconName, label: string, press: () => void) => (
    <button type="button" class="bare" aria-label={label} title={label} onClick={press}>
      <Icon name={icon} />
    </button>
  );
  return (
    <header>
      {model.route.value.view !== "home" && button("back", t("widget.back"), () => model.back())}
      {person && (
        <span class="avatar" aria-hidden="true">
          {initials(person)}
        </span>
      )}
      <div class="titles">
        <h1 tabIndex={-1}>{title}</h1>
        <p>{line}</p>
      </div>
      {button("close", t("widget.close"), () => model.close())}
    </header>
  );
}

/** Grey lines where something will be; they show only after 300 ms. */
export const Skeleton = () => (
  <div class="skeleton" role="status" aria-label={t("widget.loading")}>
    <i />
    <i />
    <i />
  </div>
);

/** A button; most are. */
export const Button = ({ children, look, ...rest }: ButtonProps) => (
  <button type="button" class={look} {...rest}>
    {children}
  </button>
);

interface ButtonProps {
  children: ComponentChildren;
  look?: string;
  onClick: () => void;
  "data-first"?: boolean;
  "aria-busy"?: boolean;
}

const CALM_MS = 2_000;

function Line() {
  const { phase, downSince, code, reason } = model.status();
  if (phase === "stopped" && code) {
    return (
      <div class="notice" role="alert">
        <p>{stopSentence(code, reason)}</p>
        <Button onClick={() => model.reconnect()}>{t("widget.reconnect")}</Button>
      </div>
    );
  }
  // Read so that this is looked at again every second.
  const late = model.now.value > 0 && downSince !== null && Date.now() - downSince > CALM_MS;
  return (
    <div role="status" class="offline">
      {late && <p>{t("widget.offline")}</p>}
    </div>
  );
}

function stopSentence(code: number, reason: string): string {
  if (code === CLOSE.SESSION_ENDED) return t("error.unauthorized");
  return errorText(reason || (code === CLOSE.BAD_PROTOCOL ? "unsupported_version" : "bad_identity"));
}

const initials = (name: string) =>
  name
    .split(/\s+/)
    .slice(0, 2)
    .map((word) => word.charAt(0))
    .join("");
