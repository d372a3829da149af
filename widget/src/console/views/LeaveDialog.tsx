/** **Salir** with chats that are still open: asked once, because they go back to the queue. */

import { plural, t } from "../../ui/i18n";
import { Dialog } from "./Dialog";

interface Props {
  /** How many chats are open: at least one, unless they closed while this was on the screen. */
  chats: number;
  leave(): void;
  close(): void;
}

export function LeaveDialog({ chats, leave, close }: Props) {
  return (
    <Dialog title={t("console.leave.ask")} close={close} question="leave-why">
      <p id="leave-why">{chats > 0 && plural("console.leave.chats", chats)}</p>
      <p class="dialog-row">
        <button type="button" class="button" data-kind="danger" onClick={leave}>
          {t("console.rail.leave")}
        </button>
        <button type="button" class="button" data-kind="quiet" onClick={close}>
          {t("console.action.cancel")}
        </button>
      </p>
    </Dialog>
  );
}
