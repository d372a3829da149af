/** What makes the portal's pages better where there is JavaScript; without it they are complete. */

import "./portal.css";
import { asking } from "./asking";
import { boxes } from "./boxes";
import { follow } from "./news";
import { suggesting } from "./suggesting";
import { uploads } from "./uploads";

/** A password can be looked at while it is typed. */
function showable(secret: HTMLElement): void {
  const input = secret.querySelector("input");
  const { show, hide } = secret.dataset;
  if (!input || !show || !hide) return;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = show;
  button.setAttribute("aria-controls", input.id);
  button.addEventListener("click", () => {
    const shown = input.type === "text";
    input.type = shown ? "password" : "text";
    button.textContent = shown ? show : hide;
  });
  // Sent as what it is: a browser would otherwise remember it among plain words.
  input.form?.addEventListener("submit", () => {
    input.type = "password";
  });
  secret.append(button);
}

for (const secret of document.querySelectorAll<HTMLElement>(".secret")) showable(secret);
for (const root of document.querySelectorAll<HTMLElement>(".uploads[data-send]")) uploads(root);
const form = document.querySelector<HTMLFormElement>("form.asking");
if (form) asking(form);
const suggested = document.querySelector<HTMLElement>("#suggested");
const subject = document.querySelector<HTMLInputElement>("#subject");
if (suggested && subject) suggesting(suggested, subject);
boxes();
const history = document.querySelector<HTMLElement>("[data-news]");
if (history) follow(history);
const wrong = document.querySelector<HTMLElement>("[data-focus], [aria-invalid='true']");
wrong?.focus();
