"""The base, 1.0: the websockets library on uvloop, nothing stored. `python -m bench.servers.raw` prints "ready PORT"."""

from __future__ import annotations

import contextlib

import uvloop
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from bench.servers.relay import Relay


async def main() -> None:
    relay: Relay[ServerConnection] = Relay()

    async def talk(socket: ServerConnection) -> None:
        pair = relay.enter(socket, await socket.recv(decode=False))
        await socket.send('{"t":"ok"}')
        with contextlib.suppress(ConnectionClosed):
            while True:
                ack, delivery = relay.heard(pair, await socket.recv(decode=False))
                await relay.agents[pair].send(delivery, text=True)
                await socket.send(ack, text=True)

    async with serve(talk, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        print(f"ready {port}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
