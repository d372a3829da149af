// In the frame that the loader made for a page into which the chat is not let: whoever pressed the button is told, and whoever wrote
// the page learns why. Nothing else works here.
const { host, code, hint } = document.documentElement.dataset;
const tell = (message) => parent.postMessage({ chat: 1, ...message }, host);
const close = () => tell({ type: "close" });

console.warn(`SupportChat: ${hint}`);
document.querySelector("button").onclick = close;
addEventListener("keydown", ({ key }) => key === "Escape" && close());
tell({ type: "hello" });
tell({ type: "event", name: "error", detail: { code } });
