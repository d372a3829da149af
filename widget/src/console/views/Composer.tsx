/** Where the agent writes: Enter sends, Shift+Enter breaks the line. The draft of each ticket is kept, and so are its files. */

import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { Limits } from "../../state/uploads";
import { fileSize, filesOf, UploadList } from "../../ui/files";
import { plural, t } from "../../ui/i18n";
import type { AgentTicket } from "../../wire";
import type { Console } from "../console";
import { onDrop } from "../dropping";
import { Courtesy } from "./Courtesy";
import { Icon } from "./icons";

/** Characters of a message, as the server counts them. */
const LIMIT = 8000;
const TELL_FROM = 7500;
const TALLEST = 176;
/** What the browser's own window offers first; what a file is the server finds out. */
const ACCEPTED =
  "image/png,image/jpeg,image/gif,image/webp,.pdf,.doc,.docx,.xls,.xlsx,.ppt,.pptx,.txt,.log,.csv,.zip";

export function Composer({ console, ticket }: { console: Console; ticket: AgentTicket }) {
  const box = useRef<HTMLTextAreaElement>(null);
  const text = useSignal(console.draft(ticket.id));
  const left = LIMIT - [...text.value].length;
  const dragged = useSignal(false);
  console.filesMoved.value;
  const files = console.uploads.of(ticket.id);
  const settled = console.uploads.settled(ticket.id);
  const limits = console.fileLimits(ticket.id);
  const sendable = left >= 0 && settled && (files.length > 0 || text.value.trim() !== "");

  const attach = (chosen: Iterable<File>) => {
    console.uploads.add(ticket.id, chosen);
    box.current?.focus();
  };
  useEffect(
    () =>
      onDrop(
        (over) => {
          dragged.value = over && console.fileLimits(ticket.id).bytes > 0;
        },
        (data) => {
          if (console.fileLimits(ticket.id).bytes > 0) attach([...(data?.files ?? [])]);
        },
      ),
    [console, ticket.id],
  );

  // A phone's keyboard would hide what was just opened.
  useEffect(() => {
    if (matchMedia("(hover: hover)").matches) box.current?.focus({ preventScroll: true });
    return () => console.typing(ticket.id, false);
  }, []);

  useLayoutEffect(() => {
    const area = box.current;
    if (!area) return;
    area.style.height = "auto";
    area.style.height = `${Math.min(TALLEST, area.scrollHeight)}px`;
  }, [text.value]);

  const write = (value: string) => {
    text.value = value;
    console.keepDraft(ticket.id, value);
    console.typing(ticket.id, value.trim() !== "");
  };
  const send = () => {
    if (!sendable) return;
    console.say(ticket.id, text.value);
    text.value = "";
    box.current?.focus();
  };

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        ref={box}
        id="composer"
        rows={1}
        aria-label={t("console.composer.label")}
        placeholder={t("console.composer.label")}
        aria-invalid={left < 0 || undefined}
        aria-describedby={left < LIMIT - TELL_FROM ? "composer-left" : undefined}
        value={text.value}
        onInput={({ currentTarget }) => write(currentTarget.value)}
        onBlur={() => console.typing(ticket.id, false)}
        onPaste={(event) => {
          const pasted = limits.bytes > 0 ? filesOf(event.clipboardData) : [];
          if (pasted.length === 0) return;
          event.preventDefault();
          attach(pasted);
        }}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          send();
        }}
      />
      {files.length > 0 && (
        <UploadList
          uploads={files}
          remove={(cid) => {
            console.uploads.remove(ticket.id, cid);
            box.current?.focus();
          }}
          retry={(cid) => console.uploads.retry(ticket.id, cid)}
        />
      )}
      <Courtesy text={text.value} />
      {dragged.value && (
        <p class="drop">
          <b>{t("common.file_drop")}</b>
          {limitsLine(limits)}
        </p>
      )}
      <div class="composer-foot">
        {limits.bytes > 0 && (
          <Attach limits={limits} told={settled && left >= LIMIT - TELL_FROM} attach={attach} />
        )}
        {left < LIMIT - TELL_FROM ? (
          <span id="composer-left" class="hint" data-tone={left < 0 ? "danger" : undefined}>
            {left < 0 ? plural("console.composer.over", -left) : plural("console.composer.left", left)}
          </span>
        ) : !settled ? (
          <span class="hint" role="status">
            {t("common.file_unsettled")}
          </span>
        ) : (
          <span class="hint" data-keys>
            {t("console.composer.hint")}
          </span>
        )}
        <button type="submit" class="button" data-kind="primary" aria-disabled={!sendable}>
          {t("console.action.send")}
          <Icon name="send" />
        </button>
      </div>
    </form>
  );
}

interface AttachProps {
  limits: Limits;
  /** Nothing else has to be said where they stand. */
  told: boolean;
  attach(files: Iterable<File>): void;
}

/** The limits stand at the button before anything is chosen: in its tooltip, and for a screen reader. */
function Attach({ limits, told, attach }: AttachProps) {
  const picker = useRef<HTMLInputElement>(null);
  return (
    <>
      <button
        type="button"
        class="button attach"
        data-kind="quiet"
        title={limitsLine(limits)}
        aria-label={t("common.file_attach")}
        aria-describedby="file-limits"
        onClick={() => picker.current?.click()}
      >
        <Icon name="attach" />
      </button>
      <span id="file-limits" class={told ? "hint" : "sr-only"} data-touch>
        {t("console.composer.files", { size: fileSize(limits.bytes), count: limits.count })}
      </span>
      <input
        ref={picker}
        type="file"
        multiple
        hidden
        accept={ACCEPTED}
        onChange={({ currentTarget }) => {
          attach([...(currentTarget.files ?? [])]);
          // The same file may be chosen again.
          currentTarget.value = "";
        }}
      />
    </>
  );
}

const limitsLine = ({ bytes, count }: Limits): string =>
  t("common.file_limits", { size: fileSize(bytes), count });
