// The demo's own product: sections that change without loading a page, and a strip that shows what the SDK says.

// Calls made before the loader is there wait in `q`; the loader takes the queue over with the name.
const queue = [];
window.SupportChat ??= Object.assign((...call) => queue.push(call), { q: queue });

const APP = document.body.dataset.app;
const SHOWN_EVENTS = 30;
const EVENTS = [
  "open",
  "close",
  "unread",
  "ticketStarted",
  "messageSent",
  "messageReceived",
  "agentAssigned",
  "ticketClosed",
  "rated",
  "error",
];

const sections = [...document.querySelectorAll("main > section")];
const viewOf = (url) => {
  const wanted = new URL(url).searchParams.get("vista");
  return sections.find((section) => section.id === wanted)?.id ?? "facturas";
};

function show(view) {
  for (const section of sections) section.hidden = section.id !== view;
  for (const link of document.querySelectorAll(".sidebar a")) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${document.querySelector(`#${view} h1`).textContent} · Cuadra`;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-view]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const url = new URL(location.href);
  url.searchParams.set("vista", link.dataset.view);
  history.pushState(null, "", url);
  show(link.dataset.view);
  document.querySelector("main").focus();
});
window.addEventListener("popstate", () => show(viewOf(location.href)));
show(viewOf(location.href));

const list = document.querySelector("#events");
function note(name, detail) {
  const item = document.createElement("li");
  const label = document.createElement("code");
  label.textContent = name;
  item.append(label, detail == null ? "" : ` ${JSON.stringify(detail)}`);
  list.querySelector(".empty")?.remove();
  list.prepend(item);
  list.children[SHOWN_EVENTS]?.remove();
}
for (const name of EVENTS) {
  document.addEventListener(`supportchat:${name}`, (event) => note(name, event.detail));
}
// A product's own button, with its own badge: this is all that it takes.
document.addEventListener("supportchat:unread", (event) => {
  const badge = document.querySelector(".help .badge");
  badge.textContent = event.detail || "";
  badge.hidden = !event.detail;
});
// By the call rather than the event: the loader may have been ready before this script.
window.SupportChat("ready", () => note("ready"));

for (const button of document.querySelectorAll("[data-call]")) {
  button.addEventListener("click", () => {
    const verb = button.dataset.call;
    if (verb === "boot") window.SupportChat("boot", { app: APP, context: { vista: viewOf(location.href) } });
    else window.SupportChat(verb);
  });
}
