/** Files in a chat: chosen, pasted, dropped or taken of the screen; on their way up; and in messages. */

import { Component } from "preact";
import { Links } from "../../state/linking";
import type { Bubble } from "../../state/thread";
import { retryable, Uploads } from "../../state/uploads";
import { newCid } from "../../ui/cid";
import { FileList, fileError, fileSize, filesOf, isPicture, save, UploadList } from "../../ui/files";
import { t } from "../../ui/i18n";
import { signal } from "../../ui/signal";
import { recall, remember } from "../../ui/storage";
import { ears, files, now, saveFiles, send, state } from "../model";
import { page } from "../page";
import { canCapture, capture } from "./screen";
import "../../ui/files.css";
import "./files.css";

/** Changes with every upload's progress: the page is drawn again. */
const progress = signal(0);
/** Why the screen could not be taken: a key of words. */
const problem = signal("");

export const uploads = new Uploads({
  request: (place) => ({
    url: "/files",
    headers: {
      Authorization: `Bearer ${state.value.welcome?.token}`,
      ...(place && { "Chat-Ticket": `${place}` }),
    },
  }),
  limits: () => ({
    bytes: state.value.welcome?.file_bytes ?? 0,
    count: state.value.welcome?.files_per_message ?? 0,
  }),
  changed() {
    if (desk !== null) keepNames(desk);
    progress.value++;
  },
  newCid,
  store: {
    read: (place) => JSON.stringify(files(place)),
    write: (place, text) => saveFiles(place, JSON.parse(text || "[]")),
  },
});

/** Changes with whatever is known of files in messages. */
const drawn = signal(0);

const links = new Links({
  send,
  save,
  now: () => now.value,
  changed() {
    drawn.value++;
  },
  after: (ms, run) => setTimeout(run, ms),
});

let who = state.value.welcome?.who;

ears.push((frame) => {
  links.hear(frame);
  if (frame && frame.type !== "welcome") return;
  // Somebody else's are nobody's business.
  if (frame?.who !== who) uploads.end();
  else if (desk !== null) retryAll(desk);
  who = frame?.who;
});

/** Where somebody writes now. */
let desk: number | null = null;

/** What did not get through for the network's sake is sent again when there is one. */
function retryAll(place: number): void {
  for (const one of uploads.of(place)) if (retryable(one)) uploads.retry(place, one.cid);
}

/** Why a message cannot be sent yet: its files are on their way ("due"), or one of them was refused ("stuck"). */
export function waiting(place: number): "" | "due" | "stuck" {
  if (uploads.settled(place)) return "";
  return uploads.of(place).every((one) => !one.error || retryable(one)) ? "due" : "stuck";
}

/** Under what a tab keeps the names of what is on its way: the browser forgets the files with the page, and somebody has to be told. */
const namesKey = (place: number) => `supportchat:${page.app}:${state.value.welcome?.who}:way:${place}`;

function keepNames(place: number): void {
  const names = uploads.of(place).filter((one) => !one.file && (!one.error || retryable(one)));
  const text = names.length ? JSON.stringify(names.map(({ name }) => name)) : "";
  if (text !== recall(namesKey(place), "sessionStorage")) remember(namesKey(place), text, "sessionStorage");
}

const takes = () => Boolean(state.value.welcome?.file_bytes);

interface PlaceProps {
  place: number;
}

/** What is about to be sent. While it stands here files can be pasted and dropped anywhere. */
export class Choosing extends Component<PlaceProps & { due: boolean }> {
  #end = new AbortController();
  /** What was on its way when the page went. */
  readonly #cut: string[] = JSON.parse(recall(namesKey(this.props.place), "sessionStorage") || "[]");

  override componentDidMount() {
    desk = this.props.place;
    const { signal } = this.#end;
    const add = (event: Event, data: DataTransfer | null) => {
      const found = filesOf(data);
      if (!found.length || !takes()) return;
      event.preventDefault();
      uploads.add(this.props.place, found);
    };
    document.addEventListener("paste", (event) => add(event, event.clipboardData), { signal });
    document.addEventListener("drop", (event) => add(event, event.dataTransfer), { signal });
    document.addEventListener(
      "dragover",
      (event) => {
        if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
      },
      { signal },
    );
  }

  override componentWillUnmount() {
    desk = null;
    this.#end.abort();
  }

  override render({ place, due }: PlaceProps & { due: boolean }) {
    const list = uploads.of(place);
    const cut = this.#cut.filter((name) => list.every((one) => one.name !== name));
    return (
      <>
        {cut.length > 0 && <p class="error upload-note">{t("files.cut", { names: cut.join(", ") })}</p>}
        {list.length > 0 && (
          <UploadList
            uploads={list}
            remove={(cid) => uploads.remove(place, cid)}
            retry={(cid) => uploads.retry(place, cid)}
          />
        )}
        <p class="soft upload-note" role="status">
          {t(problem.value || (due ? "files.due" : waiting(place) === "stuck" ? "files.stuck" : ""))}
        </p>
      </>
    );
  }
}

const Picture = ({ path }: { path: string }) => (
  <svg class="icon" viewBox="0 0 20 20" aria-hidden="true">
    <path d={path} />
  </svg>
);

/** The buttons beside the message box; in a form there is room for words (`worded`). */
export function Attach({ place, worded }: PlaceProps & { worded?: boolean }) {
  const { file_bytes = 0, files_per_message: count = 0 } = state.value.welcome ?? {};
  if (!file_bytes) return null;
  const limits = t("common.file_limits", { count, size: fileSize(file_bytes) });
  return (
    <span class="attach">
      <label class={`${worded ? "worded" : "bare"}`} title={limits}>
        <input
          type="file"
          class="sr-only"
          multiple
          aria-label={t("common.file_attach")}
          onChange={({ currentTarget }) => {
            uploads.add(place, currentTarget.files ?? []);
            // The same file may be chosen again.
            currentTarget.value = "";
          }}
        />
        <Picture path="m15.5 9-5.8 5.8a3.3 3.3 0 0 1-4.7-4.7l6.2-6.2a2.2 2.2 0 0 1 3.1 3.1l-6.1 6.2a1.1 1.1 0 0 1-1.6-1.6L12 6.3" />
        {worded && t("common.file_attach")}
      </label>
      {canCapture() && (
        <button
          type="button"
          class={`${worded ? "worded" : "bare"}`}
          aria-label={t("files.screen")}
          title={t("files.screen")}
          onClick={() => void taken(place)}
        >
          <Picture path="M3 4.5h14v9H3zM7 16.5h6M10 13.5v3" />
          {worded && t("files.screen")}
        </button>
      )}
      {worded && <p class="soft">{limits}</p>}
    </span>
  );
}

async function taken(place: number): Promise<void> {
  problem.value = "";
  try {
    const picture = await capture(t("files.screen_name"));
    if (picture) uploads.add(place, [picture]);
  } catch {
    problem.value = "files.no_screen";
  }
}

/** The files of a message. */
export function Given({ bubble, ticket }: { bubble: Bubble; ticket: number }) {
  const { seq } = bubble;
  const pictures = bubble.files.filter(isPicture).map(({ id }) => id);
  const refusal = links.refused(ticket, seq);
  if (seq && pictures.length) links.look(ticket, seq, pictures);
  return (
    <>
      <FileList
        files={bubble.files}
        links={links.of(ticket, seq)?.files}
        open={({ id }) => seq && links.save(ticket, seq, id)}
      />
      {refusal && (
        <p class="error" role="alert">
          {refusal === "file_unknown" ? t("files.gone") : fileError(refusal)}
        </p>
      )}
    </>
  );
}
