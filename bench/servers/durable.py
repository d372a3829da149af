"""The Starlette relay with one writing thread: whatever arrived during a commit (FULL) is the next one. The least that a
server which keeps its word has to do."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import sys
import threading
from pathlib import Path

from starlette.websockets import WebSocket, WebSocketDisconnect

from bench.servers.asgi import serve
from bench.servers.relay import Relay, Said

Stored = asyncio.Future[int]
relay: Relay[WebSocket] = Relay()
waiting: queue.SimpleQueue[tuple[int, Said, Stored]] = queue.SimpleQueue()

_SCHEMA = """
PRAGMA journal_mode=WAL;
PRAGMA synchronous=FULL;
CREATE TABLE items (pair INTEGER, seq INTEGER, cid TEXT, text TEXT, PRIMARY KEY (pair, seq), UNIQUE (pair, cid));
"""


def write(path: Path) -> None:
    """The thread: take all that waits, insert it, commit, tell the event loop once."""
    database = sqlite3.connect(path, isolation_level=None)
    database.executescript(_SCHEMA)
    last: dict[int, int] = {}
    while True:
        group = [waiting.get()]
        while not waiting.empty():
            group.append(waiting.get())
        done: list[tuple[Stored, int]] = []
        database.execute("BEGIN IMMEDIATE")
        for pair, said, stored in group:
            seq = last[pair] = last.get(pair, 0) + 1
            database.execute("INSERT INTO items VALUES (?, ?, ?, ?)", (pair, seq, said.id, said.text))
            done.append((stored, seq))
        database.execute("COMMIT")
        group[0][2].get_loop().call_soon_threadsafe(_tell, done)


def _tell(done: list[tuple[Stored, int]]) -> None:
    for stored, seq in done:
        if not stored.done():
            stored.set_result(seq)


async def talk(socket: WebSocket) -> None:
    pair = relay.enter(socket, await socket.receive_text())
    await socket.send_text('{"t":"ok"}')
    loop = asyncio.get_running_loop()
    try:
        while True:
            said, _ = relay.take(pair, await socket.receive_text())
            stored: Stored = loop.create_future()
            waiting.put((pair, said, stored))
            ack, delivery = relay.answers(said, await stored)
            await relay.agents[pair].send_text(delivery.decode())
            await socket.send_text(ack.decode())
    except WebSocketDisconnect:
        pass


if __name__ == "__main__":
    threading.Thread(target=write, args=(Path(sys.argv[1]) / "relay.db",), daemon=True).start()
    serve(talk)
