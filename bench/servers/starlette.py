"""A Starlette relay on uvicorn, nothing stored."""

from __future__ import annotations

from starlette.websockets import WebSocket, WebSocketDisconnect

from bench.servers.asgi import serve
from bench.servers.relay import Relay

relay: Relay[WebSocket] = Relay()


async def talk(socket: WebSocket) -> None:
    pair = relay.enter(socket, await socket.receive_text())
    await socket.send_text('{"t":"ok"}')
    try:
        while True:
            ack, delivery = relay.heard(pair, await socket.receive_text())
            await relay.agents[pair].send_text(delivery.decode())
            await socket.send_text(ack.decode())
    except WebSocketDisconnect:
        pass


if __name__ == "__main__":
    serve(talk)
