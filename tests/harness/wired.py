"""A customer who speaks the wire protocol from a page of the server, for what no screen of theirs offers yet."""

from __future__ import annotations

import secrets
from typing import Any

from playwright.sync_api import Page

from tests.harness.server import Server

# Says hello and one frame after the other; gives the welcome and the answer to each.
_SPEAKS = """async ([app, token, frames]) => {
  const socket = new WebSocket(location.origin.replace("http", "ws") + "/ws/customer");
  const heard = [];
  let wake = () => {};
  socket.onmessage = ({ data }) => { heard.push(JSON.parse(data)); wake(); };
  await new Promise((resolve) => { socket.onopen = resolve; });
  const answer = async (fits) => {
    for (;;) {
      const found = heard.find(fits);
      if (found) return found;
      await new Promise((resolve) => { wake = resolve; });
    }
  };
  socket.send(JSON.stringify({ type: "hello", v: 1, app, ...(token && { token }) }));
  const answers = [await answer(({ type }) => type === "welcome" || type === "error")];
  for (const frame of frames) {
    socket.send(JSON.stringify(frame));
    const ours = (said) => frame.cid ? said.cid === frame.cid : said.verb === frame.type;
    answers.push(await answer((said) => ["ack", "done", "error"].includes(said.type) && ours(said)));
  }
  socket.close();
  return answers;
}"""

_SENDS = """async ([token, cid, name, ticket, bytes]) => {
  const headers = { authorization: `Bearer ${token}`, "chat-cid": cid, "chat-name": encodeURIComponent(name) };
  headers["chat-ticket"] = String(ticket);
  const answer = await fetch("/files", { method: "POST", headers, body: new Uint8Array(bytes) });
  return await answer.json();
}"""


def cid() -> str:
    return secrets.token_urlsafe(16)


class WiredCustomer:
    """`page`: anything of the server's own that may open its socket, such as the portal."""

    def __init__(self, server: Server, page: Page, app: str = "demo") -> None:
        self.page = page
        self.app = app
        self.token = ""
        page.goto(f"{server.origin}/embed/{app}")

    def says(self, *frames: dict[str, Any]) -> list[dict[str, Any]]:
        """The answer to each; none may be an error."""
        welcome, *answers = self.page.evaluate(_SPEAKS, [self.app, self.token, list(frames)])
        assert welcome["type"] == "welcome", welcome
        self.token = welcome["token"]
        assert all(answer["type"] != "error" for answer in answers), answers
        return list(answers)

    def requests(self, subject: str, text: str, email: str, **form: Any) -> int:
        """A ticket with the whole form, by its id."""
        frame = {
            "type": "request",
            "cid": cid(),
            "subject": subject,
            "text": text,
            "email": email,
            "form": form,
        }
        (answer,) = self.says(frame)
        return int(answer["ticket"])

    def completes(self, ticket: int, **form: Any) -> None:
        self.says({"type": "complete", "ticket": ticket, "cid": cid(), "form": form})

    def sends_file(self, ticket: int, name: str, content: bytes, text: str = "") -> None:
        sent = self.page.evaluate(_SENDS, [self.token, cid(), name, ticket, list(content)])
        assert "id" in sent, sent
        self.says({"type": "say", "ticket": ticket, "cid": cid(), "text": text, "files": [sent["id"]]})
