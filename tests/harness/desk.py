"""What an agent's browser sends and the console has no button for yet: by the same session, over the same wire."""

from __future__ import annotations

from typing import Any

from tests.harness.people import Agent
from tests.harness.server import Server

_ASK = """async ([frame, answer]) => {
  const { token } = await (await fetch("/console/socket-token", { method: "POST" })).json();
  const socket = new WebSocket(location.origin.replace("http", "ws") + "/ws/agent");
  const heard = await new Promise((resolve, reject) => {
    socket.onopen = () => socket.send(JSON.stringify({ type: "hello", v: 1, token }));
    socket.onclose = reject;
    socket.onmessage = ({ data }) => {
      const told = JSON.parse(data);
      if (told.type === "welcome") socket.send(JSON.stringify(frame));
      if (told.type === "error" || told.type === answer) resolve(told);
    };
  });
  socket.onclose = null;
  socket.close();
  return heard;
}"""
_SEND_UP = """async ([ticket, cid, name, bytes]) => {
  const headers = { "Chat-Ticket": `${ticket}`, "Chat-Cid": cid, "Chat-Name": encodeURIComponent(name) };
  const answer = await fetch("/console/files", { method: "POST", headers, body: new Uint8Array(bytes) });
  return answer.json();
}"""


def ticket_of(server: Server, subject: str) -> int:
    with server.reading() as database:
        found: tuple[int] = database.execute(
            "SELECT id FROM tickets WHERE subject = ?", (subject,)
        ).fetchone()
    return found[0]


def asks(agent: Agent, frame: dict[str, Any], answer: str = "done") -> None:
    """Sends a frame and waits for its answer; a refusal is a failure."""
    heard = agent.page.evaluate(_ASK, [frame, answer])
    assert heard["type"] == answer, heard


def sends_file(agent: Agent, ticket: int, name: str, body: bytes, cid: str) -> None:
    """A message with one file and no words. `cid`: 22 characters, of the file and, reversed, of the message."""
    sent = agent.page.evaluate(_SEND_UP, [ticket, cid, name, list(body)])
    frame = {"type": "say", "ticket": ticket, "cid": cid[::-1], "text": "", "files": [sent["id"]]}
    asks(agent, frame, "ack")
