/** Types of the one global that `widget.js` gives to a host page. Copy this file, or reference it from your project. */

export interface SupportChatOptions {
  /** The app's public key, from the console. */
  app?: string;
  /** A JWT (HS256) signed by your backend for the user who is signed in. */
  userToken?: string;
  /** Asked for a first token when `userToken` is absent, and for a new one when it has expired; null: nobody is signed in. */
  getUserToken?: () => Promise<string | null> | string | null;
  /** Shown to agents as unverified. */
  name?: string;
  email?: string;
  /** "es", "en" or "pt"; a region after it ("es-MX") is ignored. */
  locale?: string;
  /** "#rrggbb". */
  color?: string;
  appVersion?: string;
  /** "none" hides the default launcher. */
  launcher?: "none" | "";
  position?: "left" | "right";
  /** Small facts for the agent, such as the plan or the invoice on screen. */
  context?: Record<string, string>;
}

export interface SupportChatEvents {
  ready: undefined;
  open: undefined;
  close: undefined;
  /** How many messages the customer has not seen. */
  unread: number;
  ticketStarted: { number?: number };
  messageSent: { number?: number };
  messageReceived: { number?: number };
  agentAssigned: { number?: number; agent?: string };
  ticketClosed: { number?: number };
  rated: { number?: number; stars?: number };
  /** "frame_blocked": the chat did not load. "user_token": getUserToken failed. Others come from the chat itself. */
  error: { code: string };
}

export interface SupportChat {
  (verb: "boot" | "update", options?: SupportChatOptions): void;
  (verb: "shutdown" | "open" | "close" | "toggle" | "show" | "hide" | "showTickets" | "destroy"): void;
  (verb: "newTicket", subject?: string): void;
  (verb: "showTicket", number: number): void;
  (verb: "setLocale", locale: string): void;
  /** Returns the function that stops listening. Queued before the script has loaded, it returns nothing. */
  <E extends keyof SupportChatEvents>(
    verb: "on",
    event: E,
    listener: (detail: SupportChatEvents[E]) => void,
  ): () => void;
  /** Resolves once the chat knows its app and takes calls. */
  (verb: "ready", then?: () => void): Promise<void>;
  /** Calls made before the script has loaded. */
  q?: Iterable<unknown>[];
}

type SupportChatDomEvents = {
  [E in keyof SupportChatEvents as `supportchat:${E}`]: CustomEvent<SupportChatEvents[E]>;
};

declare global {
  interface Window {
    SupportChat?: SupportChat;
  }
  interface DocumentEventMap extends SupportChatDomEvents {}
  var SupportChat: SupportChat | undefined;
}
