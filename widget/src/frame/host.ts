/** The line to the loader on the host's page. Who is not exactly our parent at exactly the host's origin is not heard. */

import { type FromFrame, isToFrame, type ToFrame } from "../host-messages";

export function hostLine(origin: string, hear: (message: ToFrame) => void): (message: FromFrame) => void {
  if (window.parent === window) return () => {};
  addEventListener("message", ({ source, origin: from, data }) => {
    if (source === window.parent && from === origin && isToFrame(data)) hear(data);
  });
  return (message) => window.parent.postMessage({ chat: 1, ...message }, origin);
}
