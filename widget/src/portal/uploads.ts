/**
 * Files go up as soon as they are chosen, dropped or pasted, each with its progress; they can be called off and tried again. What
 * is up stands in the form by its id. Without a script the form itself posts them.
 */

import { newCid } from "../ui/cid";

interface Sent {
  id: string;
  name: string;
  size: string;
}

/** What the server says of one that it did not take. */
interface Refused {
  code: string;
  text: string;
}

/** What may be otherwise in a moment; of all else the same file would be refused again. */
const PASSING = ["rate_limited", "files_unavailable"];

export function uploads(root: HTMLElement): void {
  const words = root.dataset;
  const chosen = root.querySelector<HTMLInputElement>("input[type='file']");
  const named = root.querySelector<HTMLInputElement>("input[name='files']");
  const list = root.querySelector<HTMLElement>(".attached");
  const status = root.querySelector("[role='status']");
  const form = chosen?.form;
  if (!chosen || !named || !list || !form || !words.send) return;
  const { send } = words;
  const under = new Set<XMLHttpRequest>();
  /** What pressed "send" while files were still going up: pressed again when they are there. */
  let waiting: HTMLElement | null | undefined;

  const say = (text: string) => {
    if (status) status.textContent = text;
  };
  const ids = () => named.value.split(" ").filter(Boolean);
  const shown = () => {
    list.hidden = !list.childElementCount;
  };

  function start(file: File): void {
    const item = element("li", "", "");
    const name = element("span", "file-name", file.name);
    item.append(name);
    list?.append(item);
    shown();
    if (list && list.childElementCount > Number(words.most)) fail(item, file, words.tooMany ?? "", false);
    else if (file.size > Number(words.bytes)) fail(item, file, words.tooLarge ?? "", false);
    else go(item, file, newCid());
  }

  function go(item: HTMLElement, file: File, cid: string): void {
    delete item.dataset.wrong;
    const bar = document.createElement("progress");
    bar.max = 100;
    bar.setAttribute("aria-label", file.name);
    const request = new XMLHttpRequest();
    const cancel = button(words.cancel, words.cancelOf, file.name, () => {
      // Before it ends: what was called off did not fail.
      remove(item);
      request.abort();
    });
    only(item, bar, cancel);
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) bar.value = Math.floor((event.loaded / event.total) * 100);
    });
    request.addEventListener("loadend", () => {
      under.delete(request);
      if (item.isConnected) ended(item, file, cid, request);
      goOn();
    });
    const body = new FormData();
    body.append("csrf", form?.querySelector<HTMLInputElement>("input[name='csrf']")?.value ?? "");
    body.append("cid", cid);
    body.append("attached", file, file.name);
    under.add(request);
    request.open("POST", send);
    request.setRequestHeader("accept", "application/json");
    request.send(body);
  }

  function ended(item: HTMLElement, file: File, cid: string, request: XMLHttpRequest): void {
    const told = read(request);
    if (request.status === 200 && told && "id" in told) {
      only(item, element("span", "file-size", told.size));
      item.append(remover(item, told));
      named?.setAttribute("value", [...ids(), told.id].join(" "));
      say(filled(words.sent, { name: told.name }));
    } else {
      const refused = told && "text" in told ? told : undefined;
      const again = !refused || PASSING.includes(refused.code);
      fail(item, file, refused?.text || (words.failed ?? ""), again, cid);
    }
  }

  function fail(item: HTMLElement, file: File, why: string, again: boolean, cid = newCid()): void {
    item.dataset.wrong = "";
    const retry = again ? [button(words.again, words.againOf, file.name, () => go(item, file, cid))] : [];
    const drop = button(words.remove, words.removeOf, file.name, () => remove(item));
    only(item, ...retry, drop, element("p", "error", why));
    say(`${file.name}: ${why}`);
  }

  function remover(item: HTMLElement, sent: Sent): HTMLElement {
    return button(words.remove, words.removeOf, sent.name, () => {
      named?.setAttribute(
        "value",
        ids()
          .filter((id) => id !== sent.id)
          .join(" "),
      );
      remove(item);
    });
  }

  function remove(item: HTMLElement): void {
    item.remove();
    shown();
    chosen?.focus();
    goOn();
  }

  function goOn(): void {
    if (waiting === undefined || under.size) return;
    const pressed = waiting;
    waiting = undefined;
    // What failed has to be seen first.
    if (!list?.querySelector("[data-wrong]")) form?.requestSubmit(pressed);
  }

  function take(files: FileList | undefined): void {
    for (const file of files ?? []) start(file);
  }

  // In the page's words instead of the browser's, and with room to drop on.
  const pick = element("div", "pick", "");
  const open = element("label", "button", words.choose ?? "") as HTMLLabelElement;
  open.htmlFor = chosen.id;
  chosen.before(pick);
  pick.append(chosen, open, element("span", "", words.drop ?? ""));
  chosen.classList.add("sr-only");
  // What came with the page has a button that posts the form; here nothing else has to be loaded anew.
  for (const item of list.querySelectorAll<HTMLElement>("li[data-id]")) {
    const name = item.querySelector(".file-name")?.textContent ?? "";
    const size = item.querySelector(".file-size")?.textContent ?? "";
    item.querySelector("button")?.replaceWith(remover(item, { id: item.dataset.id ?? "", name, size }));
  }
  chosen.addEventListener("change", () => {
    take(chosen.files ?? undefined);
    chosen.value = "";
  });
  form.addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) {
      event.preventDefault();
      take(event.clipboardData.files);
    }
  });
  for (const kind of ["dragover", "dragleave", "drop"] as const) {
    form.addEventListener(kind, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      root.toggleAttribute("data-over", kind === "dragover");
      if (kind === "drop") take(event.dataTransfer.files);
    });
  }
  form.addEventListener("submit", (event) => {
    if (!under.size || event.submitter?.hasAttribute("formaction")) return;
    event.preventDefault();
    // Else a second press of the same button would do nothing: others may listen for it.
    event.stopImmediatePropagation();
    waiting = event.submitter;
    say(words.wait ?? "");
  });
}

/** What follows the name in a row of the list. */
function only(item: HTMLElement, ...rest: HTMLElement[]): void {
  while (item.childElementCount > 1) item.lastElementChild?.remove();
  item.append(...rest);
}

function read(request: XMLHttpRequest): Sent | Refused | undefined {
  try {
    return JSON.parse(request.responseText);
  } catch {
    return undefined;
  }
}

function filled(text: string | undefined, values: Record<string, string>): string {
  return (text ?? "").replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

function button(
  text: string | undefined,
  label: string | undefined,
  name: string,
  press: () => void,
): HTMLButtonElement {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "button";
  made.dataset.kind = "quiet";
  made.textContent = text ?? "";
  made.setAttribute("aria-label", filled(label, { name }));
  made.addEventListener("click", press);
  return made;
}

function element(name: string, className: string, text: string): HTMLElement {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}
