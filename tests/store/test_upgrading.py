"""A connection to PostgreSQL that is given up while TLS is asked for ends without a word in the log."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import asyncpg
import pytest
from asyncpg import connect_utils

from chatserver.store.postgres import upgrading
from tests.harness.server import free_port

OURS = upgrading.Asked
THEIRS = upgrading.Asked.__mro__[1]


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and says nothing."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        yield f"postgresql://chat@127.0.0.1:{port}/chat?sslmode=prefer"


async def given_up(url: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What asyncio complains of when who connects is cancelled as soon as the connection's protocol is there."""
    loop = asyncio.get_running_loop()
    complaints: list[str] = []
    made: list[str] = []
    loop.set_exception_handler(lambda loop, context: complaints.append(context["message"]))
    connecting = asyncio.ensure_future(asyncpg.connect(url))
    create = loop.create_connection

    async def cancelled_there(factory: Callable[[], Any], *where: Any, **options: Any) -> Any:
        def protocol() -> Any:
            connecting.cancel()
            made.append("protocol")
            return factory()

        return await create(protocol, *where, **options)

    monkeypatch.setattr(loop, "create_connection", cancelled_there)
    with suppress(asyncio.CancelledError):
        await connecting
    assert made, "it was cancelled too soon: it says nothing"
    for _ in range(5):  # the transport's end is told in a later turn
        await asyncio.sleep(0)
    monkeypatch.undo()
    gc.collect()
    loop.set_exception_handler(None)
    return complaints


async def test_who_gives_up_a_connection_while_tls_is_asked_for_leaves_no_exception_behind(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await given_up(silent, monkeypatch) == []


async def test_by_itself_asyncpg_leaves_one_there(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it does not, `upgrading.py` is of no use any more."""
    monkeypatch.setattr(connect_utils, "TLSUpgradeProto", THEIRS)
    assert await given_up(silent, monkeypatch) == ["Future exception was never retrieved"]


async def test_whoever_waits_for_the_answer_still_hears_of_the_connections_end() -> None:
    async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.close()

    assert connect_utils.TLSUpgradeProto is OURS
    port = free_port()
    async with await asyncio.start_server(hangs_up, "127.0.0.1", port):
        with pytest.raises(ConnectionError, match=r"unexpected connection_lost\(\) call"):
            await asyncpg.connect(f"postgresql://chat@127.0.0.1:{port}/chat?sslmode=require")
