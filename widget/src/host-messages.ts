/**
 * The messages between the loader (on the host's page) and our frame, both ways.
 *
 * Every message carries `chat: 1`, the version of this vocabulary. Whoever receives one checks three things before
 * reading it: the window it came from, the exact origin of that window, and its shape by the guards below. A message
 * that fails is dropped without an answer, since the sender is then not one of us.
 */

/** The host's page as the agent sees it: where the customer is when asking for help. */
export interface Page {
  url: string;
  title: string;
}

/** What the host says about its user and the looks of the widget. Sent again whenever the host updates any of it. */
export interface BootOptions {
  /** One of the widget's locales: "es", "en" or "pt". */
  locale: string;
  /** "#rrggbb"; without it the frame takes the app's own colour. */
  color?: string;
  /** The JWT signed by the host's backend. Absent: this customer is anonymous now, whoever was signed in before. */
  userToken?: string | null | undefined;
  /** Unverified claims: shown to agents as such, never used to find anybody's tickets. */
  name?: string;
  email?: string;
  appVersion?: string;
  context?: Record<string, string>;
  page: Page;
}

export type View = "home" | "new" | "tickets" | "ticket";

/** Loader → frame. */
export type ToFrame =
  | { type: "boot"; options: BootOptions }
  | { type: "panel"; open: boolean }
  | { type: "go"; view: View; subject?: string | undefined; number?: number | undefined }
  | { type: "locale"; locale: string }
  /** Forget identity and session, then answer `bye`. */
  | { type: "shutdown" }
  /** The answer to `needUserToken` with the same id; without a token the host has none to give. */
  | { type: "userToken"; id: number; token?: string | null | undefined }
  | ({ type: "page" } & Page);

/** Frame → loader. */
export type FromFrame =
  /** The frame's script runs and waits for `boot`. */
  | { type: "hello" }
  /** The first view is painted. */
  | { type: "ready" }
  | { type: "close" }
  | { type: "unread"; count: number }
  /** Whether the customer has an open ticket, so that the next page loads the frame for its unread badge. */
  | { type: "keep"; keep: boolean }
  | { type: "needUserToken"; id: number }
  | { type: "event"; name: FrameEvent; detail?: Record<string, unknown> | undefined }
  /** `shutdown` is done; the loader may remove the frame. */
  | { type: "bye" };

/** What the frame reports to the host's listeners. */
export type FrameEvent =
  | "ticketStarted"
  | "messageSent"
  | "messageReceived"
  | "agentAssigned"
  | "ticketClosed"
  | "rated"
  | "error";

/** A message as it travels. */
export type Wire<M extends ToFrame | FromFrame> = M & { chat: 1 };

/** For each type of message an example: the fields that must be there, by their kind. */
type Examples<M extends { type: string }> = Record<M["type"], Record<string, unknown>>;

const TO_FRAME: Examples<ToFrame> = {
  boot: { options: {} },
  panel: { open: true },
  go: { view: "" },
  locale: { locale: "" },
  shutdown: {},
  userToken: { id: 0 },
  page: { url: "", title: "" },
};

const FROM_FRAME: Examples<FromFrame> = {
  hello: {},
  ready: {},
  close: {},
  unread: { count: 0 },
  keep: { keep: true },
  needUserToken: { id: 0 },
  event: { name: "" },
  bye: {},
};

// biome-ignore lint/suspicious/noExplicitAny: whatever another window cares to send.
function fits(examples: Record<string, Record<string, unknown>>, data: any): boolean {
  // Own entries of the table only: "constructor" is no message.
  if (data?.chat !== 1 || !Object.hasOwn(examples, data.type)) return false;
  const example = examples[data.type] ?? {};
  return Object.keys(example).every((field) => typeof data[field] === typeof example[field]);
}

/**
 * For the frame: is this `MessageEvent.data` something a loader says? Check source and origin as well, and fields that
 * may be absent or null (`subject`, `number`, `token`, what is inside `options`) where they are used.
 */
export const isToFrame = (data: unknown): data is Wire<ToFrame> =>
  // null is an "object" too.
  fits(TO_FRAME, data) && (data as { options?: unknown }).options !== null;

/** For the loader: is this `MessageEvent.data` something our frame says? Check source and origin as well. */
export const isFromFrame = (data: unknown): data is Wire<FromFrame> => fits(FROM_FRAME, data);
