/**
 * Files as console and frame show them: on their way up (`UploadList`) and in a message (`FileList`). Plain functions of what they
 * are given, without hooks or signals; files.css is their look. Words: `common.file_…` and `error.file_…` of files.json.
 */

import { retryable, type Upload } from "../state/uploads";
import type { FileLink, File as Sent } from "../wire";
import { errorText, t, tag } from "./i18n";

const MB = 2 ** 20;

/** "4 KB", "1.2 MB", "20 MB": as people say it, rounded to what matters; as the server does (tests/cases/sizes.json). */
export function fileSize(bytes: number): string {
  const kb = Math.ceil(bytes / 1024);
  const [size, unit] = kb < 1024 ? [kb, "KB"] : [bytes / MB, "MB"];
  const digits = { maximumFractionDigits: size < 10 ? 1 : 0, useGrouping: false };
  return `${size.toLocaleString(tag(), digits)} ${unit}`;
}

/** The sentence for a refusal that has to do with files. */
export const fileError = (code: string, limit = 0): string =>
  errorText(code, { limit, size: fileSize(limit) });

/** What was pasted or dropped. Text that a program copies with a picture of itself is text. */
export const filesOf = (data: DataTransfer | null): File[] =>
  data?.types.includes("text/plain") ? [] : [...(data?.files ?? [])];

/** Saves what a link leads to. Should it lead nowhere any more, the page stays where it is. */
export function save(url: string): void {
  const link = document.createElement("a");
  link.href = url;
  link.download = "";
  link.click();
}

/** A sheet with what it is: what the server found, or its name's ending as long as nobody looked. */
function Mark({ kind }: { kind: string }) {
  return (
    <span class="file-kind" data-kind={kind} aria-hidden="true">
      {kind.replace("text", "txt").slice(0, 4)}
    </span>
  );
}

const ending = (name: string): string => /\.(\w{1,4})$/.exec(name)?.[1] ?? "";

interface UploadListProps {
  uploads: readonly Upload[];
  remove(cid: string): void;
  retry(cid: string): void;
}

export function UploadList({ uploads, remove, retry }: UploadListProps) {
  return (
    <ul class="uploads" aria-label={t("common.file_list")}>
      {uploads.map((one) => (
        <li class="upload" key={one.cid} data-failed={one.error ? "" : undefined}>
          <Mark kind={one.file?.kind ?? ending(one.name)} />
          <span class="file-text">
            <span class="file-name" title={one.name}>
              {one.name}
            </span>
            {one.error ? (
              <span class="file-note" role="alert">
                {fileError(one.error, one.limit)}
              </span>
            ) : one.file ? (
              <span class="file-note">{fileSize(one.bytes)}</span>
            ) : (
              // Of an empty file, or before the first byte, nothing is known yet: it stands at none.
              <progress
                max={one.bytes || 1}
                value={Math.min(one.sent, one.bytes)}
                aria-label={t("common.file_progress", { name: one.name })}
              />
            )}
          </span>
          {retryable(one) && (
            <button type="button" class="link" onClick={() => retry(one.cid)}>
              {t("common.file_retry")}
            </button>
          )}
          <button
            type="button"
            class="file-remove"
            aria-label={t(one.file || one.error ? "common.file_remove" : "common.file_cancel", {
              name: one.name,
            })}
            title={t(one.file || one.error ? "common.file_remove" : "common.file_cancel", { name: one.name })}
            onClick={() => remove(one.cid)}
          >
            <svg viewBox="0 0 20 20" aria-hidden="true">
              <path d="m5.5 5.5 9 9M14.5 5.5l-9 9" />
            </svg>
          </button>
        </li>
      ))}
    </ul>
  );
}

interface FileListProps {
  files: readonly Sent[];
  /** Where they are to be had, as far as that was asked for: only pictures that have a thumbnail need it before somebody presses. */
  links?: readonly FileLink[] | undefined;
  /** Somebody wants it. */
  open(file: Sent): void;
}

export function FileList({ files, links, open }: FileListProps) {
  return (
    <ul class="files" aria-label={t("common.file_list")}>
      {files.map((file) => {
        const link = links?.find(({ id }) => id === file.id);
        const size = fileSize(file.bytes);
        return (
          <li key={file.id}>
            <button
              type="button"
              class="file"
              aria-label={t("common.file_save", { name: file.name, size })}
              title={file.name}
              onClick={() => open(file)}
            >
              {link?.thumbnail ? (
                <img src={link.thumbnail} width={link.width} height={link.height} alt="" />
              ) : (
                <Mark kind={file.kind} />
              )}
              <span class="file-text">
                <span class="file-name">{file.name}</span>
                <span class="file-note">{size}</span>
              </span>
            </button>
          </li>
        );
      })}
    </ul>
  );
}

/** Whether a thumbnail may be had of it. */
export const isPicture = ({ kind }: Sent): boolean => /^(png|jpeg|gif|webp)$/.test(kind);
