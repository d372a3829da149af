"""The disk is full, fails or takes no writes: nothing is acknowledged, who wrote is told, the operator hears of it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from tests.faults.crowd import AT_EASE, Crowd, judge, talking
from tests.harness.disks import fill, may_mount, small_disk
from tests.harness.server import running
from tests.harness.sizes import size
from tests.harness.tracing import Call, ended, log_of, read, traced
from tests.harness.waiting import soon

pytestmark = pytest.mark.fault

MESSAGES = size(100, 2_000)
"""Acknowledged before it breaks, and again afterwards."""
REFUSALS = size(20, 60)
"""Answers `unavailable` in a row."""
DISK_MIB = 64
"""Room for a write-ahead log as long as it ever becomes, 40 MB: else a fast crowd fills the disk once more by itself."""
FAILING_SYNC = size(40, 400)
"""Which fdatasync of the writing thread fails; those before it succeed."""
FULL_FOR = 150
"""Writes that the kernel refuses where no disk can be filled."""
EASY = AT_EASE | {"drain_seconds": 1}
LONG = 18
"""Seconds that a drain may take, and does not."""
FULL_DISK = "cannot write, refusing messages until it is possible again"
AGAIN = "writing again"
STOPPED = "WRITING HAS STOPPED"


async def all_are_refused(crowd: Crowd) -> None:
    """Everybody hears of it, again and again, and of nothing else; the server says that it is not ready."""
    acks = -1

    def nothing_else() -> bool:
        # A full disk may still have room for something small: then it is not full yet.
        nonlocal acks
        if crowd.diary.acks != acks:
            acks = crowd.diary.acks
            for peer in crowd.everybody:
                peer.refusals.clear()
        return all(len(peer.refusals) >= REFUSALS for peer in crowd.everybody)

    await soon(nothing_else, "everybody was refused, and nothing acknowledged meanwhile", 60)
    await soon(lambda: crowd.servers[0].status("/readyz") == 503, "it says that it is not ready")
    assert crowd.servers[0].status("/healthz") == 200, "it answers all the same"
    for peer in crowd.everybody:
        assert {(refusal["code"], refusal["verb"]) for refusal in peer.refusals} == {("unavailable", "say")}
        assert peer.online, "a disk is no reason to end a connection"
    await soon(lambda: told(crowd, storing=False), "everybody knows that what they say waits")


def told(crowd: Crowd, *, storing: bool) -> bool:
    return all(peer.told_storing[-1:] == [storing] for peer in crowd.everybody)


async def all_is_well(crowd: Crowd, notes: Path) -> None:
    await soon(lambda: crowd.servers[0].status("/readyz") == 200, "it is ready again")
    await crowd.acks(MESSAGES)
    await crowd.healed()
    judge(crowd, notes)


@pytest.mark.parametrize("way", ["traced", "mounted"] if may_mount() else ["traced"])
def test_a_full_disk_refuses_and_goes_on_when_there_is_space_again(tmp_path: Path, way: str) -> None:
    asyncio.run(really_full(tmp_path) if way == "mounted" else full_for_a_while(tmp_path))


async def really_full(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "disk", DISK_MIB) as disk,
        running(disk, log_file=tmp_path / "server.log", **EASY) as server,
    ):
        async with talking(server) as crowd:
            await crowd.acks(MESSAGES)
            filler = await asyncio.to_thread(fill, disk)
            await all_are_refused(crowd)
            log = server.whole_log()  # a disk that is nearly full may be so for a moment, and once more
            assert log.count(FULL_DISK) - log.count(AGAIN) in (0, 1), "said loudly, and not once per message"
            filler.unlink()
            await all_is_well(crowd, tmp_path)
            await soon(lambda: told(crowd, storing=True), "everybody knows that it is stored again")
            assert STOPPED not in server.whole_log()


async def full_for_a_while(tmp_path: Path) -> None:
    """Where nobody may mount a disk: the kernel says so often that there is no space, and then there is some."""
    first = 10 * FAILING_SYNC
    with running(tmp_path, **EASY) as server:
        server.stop()
        inject = f"inject=pwrite64:error=ENOSPC:when={first}..{first + FULL_FOR}"
        server.under = traced(tmp_path / "trace", ["pwrite64"], "-e", inject, "-P", log_of(server))
        server.start()
        async with talking(server) as crowd:
            await soon(
                lambda: FULL_DISK in server.whole_log(), "the disk is full, and the operator is told", 60
            )
            await soon(lambda: AGAIN in server.whole_log(), "there is space again", 60)
            await soon(lambda: any(peer.refusals for peer in crowd.everybody), "people were told")
            refused = {refusal["code"] for peer in crowd.everybody for refusal in peer.refusals}
            assert refused == {"unavailable"}
            await all_is_well(crowd, tmp_path)
            assert STOPPED not in server.whole_log()


def broken(tmp_path: Path, what: str) -> None:
    """The crowd talks, the kernel fails one call on the log, writing ends; a new start resolves what was unknown."""

    async def story() -> list[Call]:
        trace = tmp_path / "trace"
        with running(tmp_path, **AT_EASE | {"drain_seconds": LONG}) as server:
            server.stop()
            calls = ("pwrite64", "ftruncate", "fdatasync", "fsync")
            server.under = traced(
                trace, calls, "-e", f"inject={what}", "-P", str(server.database), "-P", log_of(server)
            )
            server.start()
            async with talking(server) as crowd:
                await soon(lambda: STOPPED in server.whole_log(), "the fault, and the operator is told", 60)
                await all_are_refused(crowd)
                begun = time.monotonic()
                server.terminate()
                await asyncio.to_thread(server.wait)
                assert time.monotonic() - begun < LONG / 2, "what cannot be stored is not waited for"
                assert server.whole_log().count(STOPPED) == 1
                ended(trace)
                server.under = ()
                await asyncio.to_thread(server.start)
                await all_is_well(crowd, tmp_path)
        return list(read(trace))

    calls = asyncio.run(story())
    failed = next(place for place, call in enumerate(calls) if "INJECTED" in call.why)
    after = [call.name for call in calls[failed + 1 :]]
    assert not after, f"after the fault the disk was left alone, also when the server ended: {after[:10]}"


def test_after_a_sync_that_failed_there_is_no_second_one_and_no_more_writing(tmp_path: Path) -> None:
    broken(tmp_path, f"fdatasync:error=EIO:when={FAILING_SYNC}")


@pytest.mark.parametrize("error", size(["EROFS"], ["EIO", "EROFS"]))
def test_after_a_write_that_failed_nothing_more_is_written(tmp_path: Path, error: str) -> None:
    broken(tmp_path, f"pwrite64:error={error}:when={10 * FAILING_SYNC}")


def test_a_disk_for_reading_only_is_refused_at_the_start_with_a_sentence(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        server.stop()
        said_before = len(server.whole_log())
        files = [option for file in tmp_path.glob("chatserver.db*") for option in ("-P", str(file))]
        server.under = traced(tmp_path / "trace", ["openat"], "-e", "inject=openat:error=EROFS", *files)
        server.launch()
        assert server.wait() == 1
        said = server.whole_log()[said_before:]
        assert "Read-only file system" in said
        assert str(server.database) in said
        assert "Traceback" not in said
