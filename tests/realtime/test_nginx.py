"""Behind an nginx that knows nothing of us: no WebSocket passes, and its buffering is as Debian ships it."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from tests.harness.lines import agent_line, customer_line, ndjson, request
from tests.harness.nginx import nginx
from tests.realtime.chat import Chat, Client, until
from tests.security.raw import raw

# Debian's nginx compresses, though not this type: with it nginx keeps what it was given until there is enough to be worth it.
COMPRESSES = "gzip on; gzip_proxied any; gzip_types application/x-ndjson;"
REALLY_BUFFERS = f"{COMPRESSES} proxy_ignore_headers X-Accel-Buffering;"
HELLO = {"type": "hello", "v": 1, "app": "demo", "token": "customer:ana"}


async def the_two_talk(customer: Client, agent: Client) -> None:
    """Each word is heard before the next is said: nothing can wait for more to come."""
    ticket = await customer.start()
    while ((await agent.expect("changed", ticket=ticket)).get("view") or {}).get("agent_id") != 1:
        pass
    for word in ("hola", "¿qué tal?", "adiós"):
        await customer.say(ticket, word)
        assert await heard(agent, "customer") == word
        await agent.say(ticket, word.upper())
        assert await heard(customer, "agent") == word.upper()


async def heard(client: Client, by: str) -> str:
    """The next message of the other side."""
    while True:
        for item in (await client.expect("changed")).get("items", []):
            if item["kind"] == "message" and item["by"] == by:
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
        nginx(tmp_path, chat.port, more=more) as port,
        agent_line(port) as agent,
        customer_line(port) as customer,
    ):
        await the_two_talk(customer, agent)
    await chat.until_empty()  # nginx passes on that they have left


async def test_where_a_proxy_holds_the_stream_back_polling_works(chat: Chat, tmp_path: Path) -> None:
    async with nginx(tmp_path, chat.port, more=REALLY_BUFFERS) as port, raw(port) as stalled:
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


async def test_the_proxy_of_the_documentation_passes_sockets_and_streams(chat: Chat, tmp_path: Path) -> None:
    guide = Path(__file__).parents[2] / "docs" / "embed.md"
    [location] = re.findall(r"```nginx\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL)
    async with nginx(tmp_path, chat.port, location=location) as port, agent_line(port) as agent:
        chat.port = port
        async with chat.customer() as customer:
            await the_two_talk(customer, agent)
