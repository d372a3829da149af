"""Behind an nginx that knows nothing of us: no WebSocket passes, and its buffering is as Debian ships it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from tests.harness.lines import LineClient, agent_line, customer_line, ndjson, request
from tests.harness.nginx import nginx
from tests.realtime.chat import Chat, until
from tests.security.raw import raw

# Debian's nginx compresses, though not this type: with it nginx keeps what it was given until there is enough to be worth it.
COMPRESSES = "gzip on; gzip_proxied any; gzip_types application/x-ndjson;"
REALLY_BUFFERS = f"{COMPRESSES} proxy_ignore_headers X-Accel-Buffering;"
HELLO = {"type": "hello", "v": 1, "app": "demo", "token": "customer:ana"}


async def the_two_talk(customer: LineClient, agent: LineClient) -> None:
    """Each word is heard before the next is said: nothing can wait for more to come."""
    ticket = await customer.start()
    while ((await agent.expect("changed", ticket=ticket)).get("view") or {}).get("agent_id") != 1:
        pass
    for word in ("hola", "¿qué tal?", "adiós"):
        await customer.say(ticket, word)
        assert await heard(agent) == word
        await agent.say(ticket, word.upper())
        assert await heard(customer) == word.upper()


async def heard(client: LineClient) -> str:
    """The next message that somebody else wrote."""
    mine = "agent" if client.path.endswith("agent") else "customer"
    while True:
        for item in (await client.expect("changed")).get("items", []):
            if item["kind"] == "message" and item["by"] != mine:
                return str(item["text"])


async def test_websockets_do_not_pass(chat: Chat, tmp_path: Path) -> None:
    async with nginx(tmp_path, chat.port) as port:
        chat.port = port
        with pytest.raises(InvalidStatus):
            async with chat.socket("/ws/customer"):
                pass


@pytest.mark.parametrize("more", ["", COMPRESSES])
async def test_a_streamed_chat_passes_the_default_buffering_word_for_word(
    chat: Chat, tmp_path: Path, more: str
) -> None:
    async with (
        nginx(tmp_path, chat.port, more) as port,
        agent_line(port) as agent,
        customer_line(port) as customer,
    ):
        await the_two_talk(customer, agent)
    await chat.until_empty()  # nginx passes on that they have left


async def test_where_a_proxy_holds_the_stream_back_polling_works(chat: Chat, tmp_path: Path) -> None:
    async with nginx(tmp_path, chat.port, REALLY_BUFFERS) as port, raw(port) as stalled:
        stalled.writer.write(
            request("/line/customer", ndjson(HELLO), "Chat-Mode: stream", "Accept-Encoding: gzip")
        )
        reading = asyncio.create_task(stalled.reader.read(1))
        await until(lambda: len(chat.hub) == 1)
        # From here on a whole chat goes through this nginx, and all of it down the stalled line as well: the same customer.
        async with agent_line(port, "poll") as agent, customer_line(port, "poll") as customer:
            await the_two_talk(customer, agent)
            assert not reading.done()
        reading.cancel()
    await chat.until_empty()
