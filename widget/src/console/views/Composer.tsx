/**
 * Where the agent writes, to the customer or a note among agents: Enter sends, Shift+Enter breaks the line. Each of the two has a box
 * and a draft of its own, so that whatever is pressed no note goes to a customer; a ticket's files are those of the answer.
 */

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

const NO_FILES: Limits = { bytes: 0, count: 0 };

interface Props {
  console: Console;
  ticket: AgentTicket;
  /** The customer may be answered; else there are only notes. */
  answers: boolean;
}

export function Composer({ console, ticket, answers }: Props) {
  const noting = !answers || console.writing.value === "note";
  return (
    <div class="composing">
      {answers && <Choice console={console} ticket={ticket} noting={noting} />}
      <Box
        key={`${console.redraws.value} ${noting}`}
        console={console}
        ticket={ticket}
        noting={noting}
        answers={answers}
      />
    </div>
  );
}

/** For whom it is. Pressed with the keyboard too, and by `r` and `n`. */
function Choice({ console, ticket, noting }: Omit<Props, "answers"> & { noting: boolean }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: no fields are gathered here
    <div class="for-whom" role="group" aria-label={t("console.write.label")}>
      <button
        type="button"
        aria-pressed={!noting}
        aria-keyshortcuts="r"
        onClick={() => console.write(ticket.id, "answer")}
      >
        <Icon name="answer" />
        {t("console.write.answer")}
      </button>
      <button
        type="button"
        data-note
        aria-pressed={noting}
        aria-keyshortcuts="n"
        onClick={() => console.write(ticket.id, "note")}
      >
        <Icon name="note" />
        {t("console.note.mark")}
      </button>
    </div>
  );
}

function Box({ console, ticket, noting, answers }: Props & { noting: boolean }) {
  const box = useRef<HTMLTextAreaElement>(null);
  const text = useSignal(noting ? console.noteDraft(ticket.id) : console.draft(ticket.id));
  const left = LIMIT - [...text.value].length;
  const dragged = useSignal(false);
  console.filesMoved.value;
  const files = noting ? [] : console.uploads.of(ticket.id);
  const settled = noting || console.uploads.settled(ticket.id);
  const limits = noting ? NO_FILES : console.fileLimits(ticket.id);
  const sendable = left >= 0 && settled && (files.length > 0 || text.value.trim() !== "");
  const label = t(noting ? "console.note.label" : "console.composer.label");

  const attach = (chosen: Iterable<File>) => {
    console.uploads.add(ticket.id, chosen);
    box.current?.focus();
  };
  useEffect(
    () =>
      onDrop(
        (over) => {
          dragged.value = over && !noting && console.fileLimits(ticket.id).bytes > 0;
        },
        (data) => {
          if (!noting && console.fileLimits(ticket.id).bytes > 0) attach([...(data?.files ?? [])]);
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
    if (noting) {
      console.keepNote(ticket.id, value);
      return;
    }
    console.keepDraft(ticket.id, value);
    console.typing(ticket.id, value.trim() !== "");
  };
  const send = () => {
    if (!sendable) return;
    if (noting) console.note(ticket.id, text.value);
    else console.say(ticket.id, text.value);
    text.value = "";
    box.current?.focus();
  };

  return (
    <form
      class="composer"
      data-note={noting || undefined}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        ref={box}
        id="composer"
        rows={1}
        aria-label={label}
        placeholder={label}
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
      {!noting && <Courtesy text={text.value} />}
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
        ) : noting ? (
          <span class="hint">{t("console.note.only")}</span>
        ) : (
          <span class="hint" data-keys>
            {t("console.composer.hint")}
          </span>
        )}
        {!answers && (
          <button
            type="button"
            class="button"
            data-kind="quiet"
            onClick={() => console.write(ticket.id, "answer")}
          >
            {t("console.action.cancel")}
          </button>
        )}
        <button
          type="submit"
          class="button"
          data-kind={noting ? "note" : "primary"}
          aria-disabled={!sendable}
        >
          {t(noting ? "console.note.save" : "console.action.send")}
          <Icon name={noting ? "note" : "send"} />
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
