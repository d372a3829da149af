"""Whatever comes in: a typed answer, nothing of the server in it, and nobody else notices."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from chatserver.realtime.limits import Limits
from tests.realtime.chat import Chat, new_cid, serving, until

CID = "A" * 22
SAY = {"type": "say", "ticket": 1, "cid": CID, "text": "hola"}
BAD: dict[str, tuple[str, str]] = {
    "not JSON": ("hola", "bad_frame"),
    "empty": ("", "bad_frame"),
    "no object": ("[]", "bad_frame"),
    "null": ("null", "bad_frame"),
    "no type": ("{}", "bad_frame"),
    "type is a number": ('{"type":1}', "bad_frame"),
    "unknown type": ('{"type":"drop_table"}', "unknown_type"),
    "an agent's verb": ('{"type":"claim","ticket":1}', "unknown_type"),
    "a server's frame": ('{"type":"ack","cid":"x","ticket":1}', "unknown_type"),
    "unknown field": (json.dumps({**SAY, "admin": True}), "bad_frame"),
    "missing field": ('{"type":"say","ticket":1}', "bad_frame"),
    "text is a list": (json.dumps({**SAY, "text": ["a"]}), "bad_frame"),
    "text is null": (json.dumps({**SAY, "text": None}), "bad_frame"),
    "ticket is text": (json.dumps({**SAY, "ticket": "1"}), "bad_frame"),
    "ticket is true": (json.dumps({**SAY, "ticket": True}), "bad_frame"),
    "ticket is zero": (json.dumps({**SAY, "ticket": 0}), "bad_frame"),
    "ticket is huge": (json.dumps({**SAY, "ticket": 2**70}), "bad_frame"),
    "ticket is infinite": ('{"type":"here","ticket":1e999}', "bad_frame"),
    "short cid": (json.dumps({**SAY, "cid": "A"}), "bad_frame"),
    "text over the frame's own limit": (json.dumps({**SAY, "text": "x" * 20_001}), "bad_frame"),
    "half a surrogate pair": ('{"type":"say","ticket":1,"cid":"' + CID + '","text":"\\ud800"}', "bad_frame"),
    "deep nesting": ('{"type":"start","context":' + '{"host":' * 8_000, "bad_frame"),
    "deep lists": ("[" * 60_000, "bad_frame"),
    "six stars": ('{"type":"rate","ticket":1,"stars":6}', "bad_frame"),
    "a second hello": ('{"type":"hello","v":1,"app":"demo"}', "bad_frame"),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_bad_frame_is_answered_and_the_connection_goes_on(chat: Chat, case: str) -> None:
    text, code = BAD[case]
    async with chat.customer() as customer:
        await customer.ws.send(text)
        answer = await customer.expect("error")
        assert answer["code"] == code
        assert set(answer) <= {"type", "code", "verb", "cid", "ticket"}
        await customer.still_speaks()


async def test_refusals_name_the_frame_that_they_answer(chat: Chat) -> None:
    async with chat.customer() as customer:
        ticket = await customer.start()
        closed = await customer.start()
        await customer.send(type="end", ticket=closed)
        await customer.expect("done", verb="end", ticket=closed)
        table: list[tuple[dict[str, Any], dict[str, Any]]] = [
            ({"ticket": ticket, "text": "x" * 8_001}, {"code": "too_long", "limit": 8_000}),
            ({"ticket": ticket, "text": "\n "}, {"code": "too_short", "limit": 1}),
            ({"ticket": closed, "text": "hola"}, {"code": "ticket_closed"}),
            ({"ticket": 999_999, "text": "hola"}, {"code": "not_found"}),
            ({"ticket": 2**53 - 1, "text": "hola"}, {"code": "not_found"}),
        ]
        for say, expected in table:
            cid = new_cid()
            await customer.send(type="say", cid=cid, **say)
            answer = await customer.expect("error", cid=cid)
            assert answer == {"type": "error", "verb": "say", "cid": cid, "ticket": say["ticket"], **expected}
        cid = new_cid()
        await customer.send(type="start", cid=cid, subject="ab")
        assert (await customer.expect("error", cid=cid))["limit"] == 3
        assert await customer.say(ticket, "sigue") == 2


async def test_a_binary_frame_is_a_bad_frame(chat: Chat) -> None:
    async with chat.customer() as customer:
        await customer.ws.send(b'{"type":"ping"}')
        await customer.expect("error", code="bad_frame")
        await customer.still_speaks()


async def test_bad_frames_again_and_again_end_the_connection(chat: Chat) -> None:
    async with chat.customer() as customer, chat.customer("eva") as other:
        for _ in range(5):
            await customer.ws.send("{")
        assert await customer.close_code() == 4503
        assert [frame["code"] for frame in customer.got[-5:]] == ["bad_frame"] * 5
        await other.still_speaks()


async def test_a_good_frame_in_between_forgives_the_bad_ones(chat: Chat) -> None:
    async with chat.customer() as customer:
        for _ in range(4):
            await customer.ws.send("{")
            await customer.ws.send("{")
            await customer.send(type="ping")
            while (await customer.receive())["type"] != "pong":
                pass


async def test_a_frame_over_64_kib_ends_its_connection_only(chat: Chat) -> None:
    async with chat.customer() as customer, chat.customer("eva") as other:
        await customer.ws.send('{"type":"say","text":"' + "x" * 65_536 + '"}')
        assert await customer.close_code() == 1009
        await other.still_speaks()


async def test_a_text_frame_that_is_not_utf_8_ends_its_connection_only(chat: Chat) -> None:
    async with chat.customer() as customer, chat.customer("eva") as other:
        await customer.ws.send(b'{"type":"ping"}\xff', text=True)
        assert await customer.close_code() == 1007
        await other.still_speaks()


async def test_what_was_acknowledged_before_and_after_bad_frames_is_there(chat: Chat) -> None:
    async with chat.customer() as customer:
        ticket = await customer.start()
        for case, (text, code) in BAD.items():
            await customer.ws.send(text)
            await customer.expect("error", code=code)
            await customer.say(ticket, case)
        await customer.send(type="history", ticket=ticket, before=1_000)
        items = (await customer.expect("items"))["items"]
        assert [item["text"] for item in items if item["kind"] == "message"] == list(BAD)


HELLO = {"type": "hello", "v": 1, "app": "demo", "token": "customer:ana"}
HELLOS: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "no hello": ({"type": "ping"}, {"code": "unauthorized"}, 4501),
    "a foreign token": ({**HELLO, "token": "unauthorized"}, {"code": "unauthorized"}, 4501),
    "an expired token": ({**HELLO, "token": "token_expired"}, {"code": "token_expired"}, 4501),
    "no identity": ({**HELLO, "token": "identity_required"}, {"code": "identity_required"}, 4501),
    "an unknown app": ({**HELLO, "app": "nobody"}, {"code": "not_found"}, 4501),
    "an unknown field": ({**HELLO, "admin": True}, {"code": "bad_frame"}, 4501),
    "too many at once": ({**HELLO, "token": "rate_limited"}, {"code": "rate_limited"}, 4004),
    "a newer version": (
        {"type": "hello", "v": 2, "new": []},
        {"code": "unsupported_version", "limit": 1},
        4503,
    ),
}


@pytest.mark.parametrize("case", HELLOS)
async def test_a_hello_that_does_not_pass_is_told_why_and_closed(chat: Chat, case: str) -> None:
    hello, error, code = HELLOS[case]
    async with chat.socket("/ws/customer") as client:
        await client.send(**hello)
        assert await client.close_code() == code
        assert client.got == [{"type": "error", "verb": "hello", **error}]


async def test_an_agent_without_a_token_is_told_so(chat: Chat) -> None:
    async with chat.socket("/ws/agent") as client:
        await client.send(type="hello", v=1, token="token_expired")
        assert await client.close_code() == 4501
        assert client.got[0]["code"] == "token_expired"


async def test_who_says_nothing_is_closed_after_the_time_for_hello(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, limits=Limits(hello_seconds=0.1)) as chat,
        chat.socket("/ws/customer") as client,
    ):
        # Come back: nobody forgets who they are for having been slow.
        assert await client.close_code() == 4003
        assert client.got == []


async def test_a_greeting_that_takes_long_is_our_time_and_not_the_peers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path, limits=Limits(hello_seconds=0.1)) as chat:
        agents = chat.house.reads.agents

        async def slow() -> Any:
            late = chat.hub.now() + 0.2
            while chat.hub.now() < late:
                for peer in chat.hub.peers:
                    peer.check()
                await asyncio.sleep(0.01)
            return await agents()

        monkeypatch.setattr(chat.house.reads, "agents", slow)
        async with chat.customer() as customer:
            await customer.still_speaks()


async def test_who_falls_silent_is_closed_and_who_may_be_silent_longer_is_not(tmp_path: Path) -> None:
    limits = Limits(agent_heartbeat=0.2, customer_heartbeat=60)
    async with serving(tmp_path, limits=limits) as chat, chat.agent() as silent, chat.customer() as patient:
        assert await silent.close_code() == 4003
        await patient.still_speaks()


ORIGINS: dict[str, str | None] = {
    "none": None,
    "null": "null",
    "foreign": "https://evil.example",
    "other scheme": "http://chat.example.test",
    "longer": "https://chat.example.test.evil.example",
    "other port": "https://chat.example.test:8443",
}


@pytest.mark.parametrize("path", ["/ws/customer", "/ws/agent"])
@pytest.mark.parametrize("origin", ORIGINS)
async def test_another_origin_is_refused_before_the_socket_opens(chat: Chat, origin: str, path: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with chat.socket(path, ORIGINS[origin]):
            pass
    assert refused.value.response.status_code == 403


async def test_a_burst_is_limited_across_a_customers_tabs_and_a_flood_is_closed(tmp_path: Path) -> None:
    limits = Limits(messages=6, message_burst=3, frames=60_000, frame_burst=10_000)
    async with serving(tmp_path, limits=limits) as chat, chat.customer() as one, chat.customer() as two:
        ticket = await one.start()
        await one.say(ticket)
        await two.say(ticket)
        cid = new_cid()
        await two.send(type="say", ticket=ticket, cid=cid, text="demasiado")
        answer = await two.expect("error", cid=cid)
        assert answer["code"] == "rate_limited"
        assert 0 < answer["retry_after"] <= 10
        for _ in range(60):
            await two.send(type="say", ticket=ticket, cid=new_cid(), text="más")
        assert await two.close_code() == 4008
        await one.still_speaks()


async def test_what_one_person_reads_is_limited_across_their_tabs(tmp_path: Path) -> None:
    limits = Limits(reads=60, read_burst=3)
    async with (
        serving(tmp_path, limits=limits) as chat,
        chat.customer() as one,
        chat.customer() as two,
        chat.customer("eva") as other,
        chat.agent() as agent,
    ):
        chat.stop_the_clock()
        ticket, hers = await one.start(), await other.start()
        for tab in (one, two, two):
            await tab.send(type="open", ticket=ticket)
            await tab.expect("snapshot")
        for verb, fields in (("open", {}), ("history", {"before": 9})):
            await one.send(type=verb, ticket=ticket, **fields)
            answer = await one.expect("error", verb=verb, ticket=ticket)
            assert (answer["code"], answer["retry_after"]) == ("rate_limited", 1)
        await one.say(ticket)  # what one writes is counted apart
        await other.send(type="open", ticket=hers)
        await other.expect("snapshot")
        for _ in range(3):
            await agent.send(type="desk", of="waiting")
            await agent.expect("desk")
        await agent.send(type="desk", of="waiting")
        assert (await agent.expect("error", verb="desk"))["code"] == "rate_limited"


async def test_ten_tabs_that_come_back_with_all_their_conversations_are_not_held_up(tmp_path: Path) -> None:
    async with serving(tmp_path) as chat, contextlib.AsyncExitStack() as stack:
        tabs = [await stack.enter_async_context(chat.customer()) for _ in range(10)]
        ticket = await tabs[0].start()
        for tab in tabs:
            for _ in range(30):
                await tab.send(type="open", ticket=ticket)
        for tab in tabs:
            for _ in range(30):
                await tab.expect("snapshot")


async def test_more_connections_than_the_server_takes_are_told_to_try_later(tmp_path: Path) -> None:
    async with serving(tmp_path, limits=Limits(connections=1)) as chat, chat.customer() as first:
        async with chat.socket("/ws/customer") as second:
            assert await second.close_code() == 4004
        await first.still_speaks()


async def test_one_person_has_so_many_connections_and_a_place_that_is_left_is_free(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, limits=Limits(person_connections=2)) as chat,
        chat.customer() as first,
        chat.customer("eva") as other,
    ):
        async with chat.customer():
            async with chat.socket("/ws/customer") as third:
                await third.send(type="hello", v=1, app="demo", token="customer:ana")
                refused = await third.expect("error", verb="hello")
                assert (refused["code"], refused["retry_after"]) == ("rate_limited", 60)
                assert await third.close_code() == 4004
            await first.still_speaks()
            await other.still_speaks()
        await until(lambda: len(chat.hub) == 2)
        async with chat.customer() as again:
            await again.still_speaks()


async def test_an_agent_has_so_many_connections_too(tmp_path: Path) -> None:
    async with serving(tmp_path, limits=Limits(person_connections=1)) as chat, chat.agent() as first:
        async with chat.socket("/ws/agent") as second:
            await second.send(type="hello", v=1, token=f"agent:{first.welcome['id']}")
            assert (await second.expect("error", verb="hello"))["code"] == "rate_limited"
            assert await second.close_code() == 4004
        await first.still_speaks()


async def test_who_sends_large_frames_without_end_is_read_more_slowly_and_loses_nothing(
    tmp_path: Path,
) -> None:
    limits = Limits(large_bytes=1_200_000, large_burst=10_000)
    async with serving(tmp_path, limits=limits) as chat, chat.customer() as talker:
        ticket = await talker.start()
        begun = time.monotonic()
        cids = [new_cid() for _ in range(6)]
        for cid in cids:
            await talker.send(type="say", ticket=ticket, cid=cid, text="x" * 8_000)
        for cid in cids:
            await talker.expect("ack", cid=cid)
        # The second and every other one after it found too little left: 6,000 and more of 20,000 characters a second.
        assert time.monotonic() - begun > 0.3
        await talker.still_speaks()
