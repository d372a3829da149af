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
  /** As the host wrote it, to be checked: "#rrggbb". Without it the frame takes the app's own colour. */
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
  /** First, and again whenever the host changes any of it. */
  | { type: "boot"; options: BootOptions }
  | { type: "panel"; open: boolean }
  | { type: "go"; view: View; subject?: string | undefined; number?: number | undefined }
  /** Forget identity and session: at once in storage, and with a request that outlives the frame, which goes in a second. */
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
  | { type: "event"; name: FrameEvent; detail?: Record<string, unknown> | undefined };

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

/** Per message: its type, then each field that must be there with its kind. One string, since the loader counts bytes. */
const TO_FRAME =
  "boot.options.object panel.open.boolean go.view.string shutdown userToken.id.number page.url.string.title.string";
const FROM_FRAME =
  "hello ready close unread.count.number keep.keep.boolean needUserToken.id.number event.name.string";

// biome-ignore lint/suspicious/noExplicitAny: whatever another window cares to send.
const fits = (shapes: string, data: any): boolean =>
  data?.chat === 1 &&
  shapes.split(" ").some((shape) => {
    const [type, ...fields] = shape.split(".");
    return type === data.type && fields.every((field, at) => at % 2 || typeof data[field] === fields[at + 1]);
  });

/**
 * For the frame: is this `MessageEvent.data` something a loader says? Check source and origin as well, and fields that
 * may be absent or null (`subject`, `number`, `token`, what is inside `options`) where they are used.
 */
export const isToFrame = (data: unknown): data is Wire<ToFrame> =>
  // null is an "object" too.
  fits(TO_FRAME, data) && (data as { options?: unknown }).options !== null;

/** For the loader: is this `MessageEvent.data` something our frame says? Check source and origin as well. */
export const isFromFrame = (data: unknown): data is Wire<FromFrame> => fits(FROM_FRAME, data);
