/** Who is put in copy from somewhere on the screen, and reads there, alone, why that was refused. */

import { useEffect } from "preact/hooks";
import { errorText, t } from "../../ui/i18n";
import type { Console } from "../console";
import type { Refusal } from "../state/desk";

/** `at` names the place. `refused`: "" where nothing was, or it was pressed elsewhere. */
export function useCopying(console: Console, ticket: number, at: string) {
  const { refusal, busy } = console.desk.value;
  // What was refused has been read here; what will be is told below the conversation.
  useEffect(
    () => () => {
      if (console.copying.peek() !== at) return;
      console.copying.value = "";
      console.forgetRefusal("copy");
    },
    [console, at],
  );
  const mine = console.copying.value === at && refusal?.verb === "copy" && refusal.ticket === ticket;
  return {
    busy: busy.has(`copy:${ticket}`),
    copy: (addresses: string[]) => console.copy(ticket, addresses, at),
    refused: mine ? notCopied(refusal) : "",
  };
}

/** Which of them it is that cannot be in copy, and why. */
export function notCopied({ code, fields }: Refusal): string {
  if (!fields?.cc) return errorText(code);
  const { code: wrong, limit = 0, which = "" } = fields.cc;
  return t(`form.wrong.${wrong}${which && ".which"}`, { limit, which });
}
