"""A Redis of several servers loses one: sentinels promote a replica, a cluster does so by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from chatserver.bus.redis import OURS
from chatserver.bus.redis_address import parse
from chatserver.bus.redis_finding import find
from tests.bus.nodes import Node, acquainted, lost_in_silence, nodes
from tests.harness.redis import RedisServer, Sentinel, answers, program
from tests.harness.server import free_port
from tests.harness.waiting import soon

PASSWORD = "geheim"
FAILOVER_WITHIN = 40.0


@contextmanager
def running(*servers: RedisServer) -> Iterator[None]:
    with ExitStack() as stack:
        for server in servers:
            server.start()
            stack.callback(lambda server=server: server.process and server.kill())  # type: ignore[misc]
        yield


async def until(look: Callable[[], Awaitable[bool]], what: str, within: float = FAILOVER_WITHIN) -> None:
    end = time.monotonic() + within
    while not await look():
        assert time.monotonic() < end, f"not within {within:g} s: {what}"
        await asyncio.sleep(0.1)


async def loses_its_server(found: list[Node], server: RedisServer, lose: Callable[[], None]) -> None:
    """All go on talking while it happens; afterwards they hear each other, by another server."""
    for node in found:
        node.listen("t")
    await acquainted(*found)
    numbers = iter(range(10_000_000))

    async def talk() -> None:
        while True:
            for node in found:
                node.say(next(numbers), "t")
            await asyncio.sleep(0.005)

    talking = asyncio.create_task(talk())
    await soon(lambda: all(len(node.heard) > 50 for node in found), "they hear each other")
    lose()
    began = time.monotonic()
    await soon(lambda: not any(node.bus.connected for node in found), "all notice")
    await soon(lambda: all(node.bus.connected for node in found), "all are back", FAILOVER_WITHIN)
    print(f"back after {time.monotonic() - began:.1f} s")
    heard = [len(node.heard) for node in found]
    await soon(
        lambda: all(len(node.heard) > count + 50 for node, count in zip(found, heard, strict=True)),
        "they hear each other again",
    )
    assert not talking.done()
    talking.cancel()
    await asyncio.wait([talking])
    for node in found:
        await soon(lambda node=node: not lost_in_silence(node.diary, node.name), f"{node.name} is told")  # type: ignore[misc]
        assert node.missed


@pytest.mark.fault
@pytest.mark.alone
@pytest.mark.parametrize("way", ["killed", "hung"])
async def test_sentinels_promote_the_replica_and_everybody_follows(tmp_path: Path, way: str) -> None:
    secret = ("--requirepass", PASSWORD, "--masterauth", PASSWORD)
    master = RedisServer(tmp_path / "master", *secret)
    replica = RedisServer(
        tmp_path / "replica",
        *secret,
        "--replicaof",
        f"127.0.0.1 {master.port}",
        "--repl-diskless-sync-delay",
        "0",
    )
    sentinels = [Sentinel(tmp_path / f"sentinel{number}", master.port, PASSWORD) for number in range(3)]
    hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in sentinels)
    url = f"redis+sentinel://:{PASSWORD}@{hosts}/chat"
    with running(master, replica, *sentinels):

        async def all_agree() -> bool:
            seen = [await answers(each.port, "SENTINEL", "MASTER", "chat") for each in sentinels]
            facts = [dict(zip(each[::2], each[1::2], strict=True)) for each in seen if each]
            return len(facts) == 3 and all(
                (each[b"num-slaves"], each[b"num-other-sentinels"]) == (b"1", b"2") for each in facts
            )

        await until(all_agree, "the sentinels know the replica and each other")
        async with nodes(url, url) as found:
            assert (await find(parse(url), "x")).port == master.port
            await loses_its_server(found, master, master.kill if way == "killed" else master.hang)
            assert (await find(parse(url), "x")).port == replica.port


@pytest.mark.fault
@pytest.mark.alone
async def test_a_cluster_replaces_the_member_that_keeps_our_keys(tmp_path: Path) -> None:
    members = [
        RedisServer(
            tmp_path / f"member{number}",
            *("--cluster-enabled", "yes", "--cluster-node-timeout", "2000"),
            *("--cluster-port", str(free_port()), "--repl-diskless-sync-delay", "0"),
        )
        for number in range(6)
    ]
    places = [f"127.0.0.1:{member.port}" for member in members]
    url = f"redis+cluster://{','.join(places)}"
    with running(*members):
        create = [program("redis-cli", "redis-tools"), "--cluster", "create", *places]
        made = await asyncio.create_subprocess_exec(
            *create, "--cluster-replicas", "1", "--cluster-yes", stdout=asyncio.subprocess.DEVNULL
        )
        assert await made.wait() == 0

        async def ready() -> bool:
            states = [await answers(member.port, "CLUSTER", "INFO") for member in members]
            roles = [await answers(member.port, "ROLE") for member in members]
            linked = [role for role in roles if role and (role[0] == b"master" or role[3] == b"connected")]
            return all(state and b"cluster_state:ok" in state for state in states) and len(linked) == 6

        await until(ready, "the cluster is one")
        async with nodes(url, url, url) as found:
            home = (await find(parse(url), OURS)).port
            member = next(member for member in members if member.port == home)
            await loses_its_server(found, member, member.kill)
            assert (await find(parse(url), OURS)).port != home
