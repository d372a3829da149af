/** The browser's own modal dialog: it keeps the focus inside, closes with Escape, and gives the focus back. */

import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { t } from "../../ui/i18n";
import { Icon } from "./icons";

export function Dialog({
  title,
  close,
  question,
  wide,
  children,
}: {
  title: string;
  close(): void;
  /** For what is answered by the buttons among its children: the id of the text that says what it is about. */
  question?: string;
  /** For what is read rather than answered. */
  wide?: boolean;
  children: ComponentChildren;
}) {
  const element = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const dialog = element.current;
    const before = document.activeElement;
    dialog?.showModal();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the key for this is Escape, which the browser handles
    <dialog
      ref={element}
      class="dialog"
      data-wide={wide || undefined}
      role={question ? "alertdialog" : undefined}
      aria-describedby={question}
      aria-labelledby={heading}
      onClose={close}
      onClick={(event) => event.target === element.current && close()}
    >
      <div class="dialog-body">
        <header>
          <h2 id={heading}>{title}</h2>
          {!question && (
            <button type="button" class="button" data-kind="quiet" onClick={close}>
              <Icon name="close" />
              {t("console.action.dismiss")}
            </button>
          )}
        </header>
        {children}
      </div>
    </dialog>
  );
}
