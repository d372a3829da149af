/** The line to the loader on the host's page. Who is not exactly our parent at exactly the host's origin is not heard. */

import { type FromFrame, isToFrame, type ToFrame } from "../host-messages";
import { page } from "./page";

/** Nobody embeds us: the page was opened by itself. */
export const alone = window.parent === window;

export function tell(message: FromFrame): void {
  if (!alone) window.parent.postMessage({ chat: 1, ...message }, page.host as string);
}

export function listen(hear: (message: ToFrame) => void): void {
  addEventListener("message", ({ source, origin, data }) => {
    if (!alone && source === window.parent && origin === page.host && isToFrame(data)) hear(data);
  });
}
