/** The line ended for good: what is said to the customer, and to whoever embeds the chat. */

import { Component } from "preact";
import { t } from "../../ui/i18n";
import type { CLOSE } from "../../wire";
import { reconnect, state } from "../model";
import { page } from "../page";
import { Button } from "../parts";
import "./stop.css";

// Compared with those of wire.ts, not taken from there: all of them would be in the frame, for everybody.
const BAD_AUTH = 4501 satisfies typeof CLOSE.BAD_AUTH;
const SESSION_ENDED = 4502 satisfies typeof CLOSE.SESSION_ENDED;
const BAD_PROTOCOL = 4503 satisfies typeof CLOSE.BAD_PROTOCOL;

interface Why {
  code: number;
  /** The code of the refusal, "" where none came. */
  reason: string;
}

/** What the developer was told: once is enough. */
let hinted = "";

/** Nothing gets through until somebody wants it to. */
export class Stopped extends Component<Why> {
  override componentDidMount() {
    const { code, reason } = this.props;
    if (code !== BAD_AUTH || reason === hinted) return;
    hinted = reason;
    console.warn(`SupportChat: ${hint(reason)}`);
  }

  override render({ code, reason }: Why) {
    return (
      <div class={`notice ${state.value.welcome ? "" : "nobody"}`} role="alert">
        <p>{t(`error.${sentence(code, reason)}`)}</p>
        <Button onClick={reconnect}>{t("stop.reconnect")}</Button>
      </div>
    );
  }
}

/** Of these the customer can make something; whatever else a user token is refused for is for the developer. */
const TOLD = ["identity_required", "token_expired", "unauthorized"];

function sentence(code: number, reason: string): string {
  if (code === SESSION_ENDED) return "unauthorized";
  if (code === BAD_PROTOCOL) return "unsupported_version";
  return TOLD.includes(reason) ? reason : "bad_identity";
}

const DOCS = 'see "Who your user is" in docs/embed.md';

/** For the browser's console: nobody but a developer can mend it. */
const hint = (reason: string): string =>
  reason === "identity_required"
    ? `identity_required: this app lets in nobody without a user token; ${DOCS}.`
    : `the user token was refused (${reason}). "chatserver doctor --app ${page.app} TOKEN" says why; ${DOCS}.`;
