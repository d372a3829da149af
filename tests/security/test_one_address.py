"""The wide outer net: new visitors cost nothing, so one machine that is many of them is limited by its address."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatserver.realtime import connection
from chatserver.realtime.limits import Limits, network
from tests.harness.lines import line
from tests.realtime.chat import new_cid, serving, until


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("8.8.8.8", "8.8.8.8"),
        ("2001:4860:4860:1:2:3:4:5", "2001:4860:4860:1::/64"),
        ("::ffff:8.8.8.8", "8.8.8.8"),
        ("::ffff:10.1.2.3", ""),
        ("127.0.0.1", ""),
        ("::1", ""),
        ("10.1.2.3", ""),
        ("fd00::1", ""),
        ("testclient", ""),
        ("", ""),
    ],
)
def test_addresses_of_the_internet_are_counted(host: str, counted: str) -> None:
    assert network(host) == counted


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback, as if it were of the internet."""
    monkeypatch.setattr(connection, "network", lambda host: host)


@pytest.mark.usefixtures("counted")
async def test_many_visitors_of_one_address_open_so_many_tickets_and_no_more(tmp_path: Path) -> None:
    async with serving(tmp_path, limits=Limits(address_tickets=4)) as chat:
        async with chat.customer("ana") as first:
            await first.start()
            await first.start()
        async with chat.customer("eva") as second:
            await second.start()
            ticket = await second.start()
        async with chat.customer("leo") as third, chat.customer("eva") as known:
            for verb, more in (("start", {}), ("request", {"text": "hola", "email": "leo@x.test"})):
                cid = new_cid()
                await third.send(type=verb, cid=cid, subject="Uno más", **more)
                refused = await third.expect("error", cid=cid)
                assert refused["code"] == "rate_limited"
                assert 0 < refused["retry_after"] <= 15
            await known.say(ticket, "quien ya tiene uno sigue hablando")


@pytest.mark.usefixtures("counted")
async def test_an_address_has_so_many_connections_and_gets_a_place_when_one_ends(tmp_path: Path) -> None:
    async with serving(tmp_path, limits=Limits(address_connections=2)) as chat:
        async with chat.customer("ana") as ana:
            async with chat.customer("eva"), chat.socket("/ws/customer") as third:
                assert await third.close_code() == 4004
            await until(lambda: len(chat.hub) == 1)
            async with chat.customer("eva") as again:
                await again.still_speaks()
            await ana.still_speaks()
        await chat.until_empty()
        assert not chat.hub.crowded("127.0.0.1")


@pytest.mark.parametrize(("trusted", "counted_as"), [("127.0.0.1", "8.8.8.8"), ("", "")])
async def test_behind_a_trusted_proxy_the_address_is_the_one_that_it_tells(
    tmp_path: Path, trusted: str, counted_as: str
) -> None:
    told = {"X-Forwarded-For": "8.8.8.8"}
    async with serving(tmp_path, trusted_proxies=trusted) as chat:
        async with chat.customer(additional_headers=told):
            assert chat.hub.peers[-1].connection.network == counted_as
        await chat.until_empty()
        async with line(chat.port, "/line/customer", "stream", headers=told):
            assert chat.hub.peers[-1].connection.network == counted_as
