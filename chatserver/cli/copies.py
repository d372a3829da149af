"""What `chatserver backup`, `restore` and `move` do with the files that people sent, beside the database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatserver.cli.base import bar, fail, looking, with_database

if TYPE_CHECKING:
    from chatserver.services.copying import Carried, Progress
    from chatserver.settings import Settings
    from chatserver.store.database import Reader
    from chatserver.store.wholeness import Known

Carry = Callable[["Reader", "Progress"], Awaitable["Carried"]]


def back_up_files(settings: Settings, target: Path | None) -> None:
    """Copy them to `target`; with None say that they are not in the backup."""
    import asyncio

    from chatserver.files.copies import Copies
    from chatserver.files.places import place_of
    from chatserver.services import copying
    from chatserver.store.database import DatabaseNotReady

    try:
        count, size = asyncio.run(_counted(settings.database))
    except DatabaseNotReady:
        if target is not None:
            fail("An older release wrote the database: its files can be copied after the upgrade.")
        return
    if target is None:
        if count:
            click.echo(
                f"{_files(count)} of {_mb(size)} that people sent are not in it: --files DIRECTORY copies them."
            )
        return
    place, copies = place_of(settings), Copies(target)
    if place.holds(target):
        fail(f"{target} is where the files themselves are: give another directory.")
    carried = _at_work(
        settings, size, lambda db, done: copying.copy_out(db, place, copies, done), str(target)
    )
    click.echo(
        f"{target}: {_files(carried.files)} of messages, {carried.copied} of them copied now ({_mb(carried.bytes)})."
    )
    _require_whole(carried, place.shown)


def restore_files(settings: Settings, source: Path | None, formerly: Known | None) -> None:
    """The database that was put back finds its files, out of `source` too where it is given. `formerly`: the one that was there
    before, if anybody can tell; its directory is this one's now."""
    from chatserver.files.copies import Copies
    from chatserver.files.keeping import Elsewhere
    from chatserver.files.places import place_of
    from chatserver.services import copying
    from chatserver.services.files import installation
    from chatserver.store import files as rows

    count, size = _of_this_release(settings)
    if not count and settings.bucket is None and not settings.files_path.exists():
        return
    place = place_of(settings)
    try:
        owner = installation(*looking(settings, rows.known))
        if formerly is not None:
            place.hand_over(installation(*formerly), owner)
        place.open(owner)
    except Elsewhere as problem:
        fail(str(problem))
    except OSError as problem:
        fail(f"{place.shown} cannot be used: {problem.strerror or problem}.")
    if source is not None and not source.is_dir():
        fail(f"There is no directory {source}.")
    copies = Copies(source) if source is not None else None
    carried = _at_work(
        settings,
        size,
        lambda db, done: copying.put_back(db, place, copies, done),
        place.shown,
    )
    click.echo(
        f"{place.shown}: {_files(carried.files)} of messages, {carried.copied} of them put back now "
        f"({_mb(carried.bytes)})."
    )
    _require_whole(carried, str(source or place.shown))


def moved_files(settings: Settings, url: str) -> None:
    """They stay where they are; `url`: the database that knows them from now on."""
    import asyncio

    from chatserver.files.places import place_of
    from chatserver.services import copying
    from chatserver.store import files as rows
    from chatserver.store.database import Reader

    place = place_of(settings)

    async def look() -> Carried | None:
        db = await Reader.look(url)
        try:
            if not (await rows.all_in_messages(db))[0]:
                return None
            return await copying.put_back(db, place, None, lambda size: None)
        finally:
            await db.close()

    carried = asyncio.run(look())
    if carried is None:
        return
    click.echo(
        f"{_files(carried.files)} of messages stay in {place.shown}: every server needs it "
        "(CHATSERVER_FILES_DIR, CHATSERVER_FILES_URL)."
    )
    _require_whole(carried, place.shown)


async def _counted(where: Path | str) -> tuple[int, int]:
    """Files in messages, and their bytes. Raises DatabaseNotReady where an older release wrote the database."""
    from chatserver.store import files as rows
    from chatserver.store.database import Reader

    db = await Reader.look(where)
    try:
        return await rows.all_in_messages(db)
    finally:
        await db.close()


def _of_this_release(settings: Settings) -> tuple[int, int]:
    """Files in messages, and their bytes. A copy of an older release is brought up to date for it, as the next start would."""
    import asyncio

    from chatserver.store import files as rows
    from chatserver.store.database import DatabaseNotReady

    try:
        return asyncio.run(_counted(settings.database))
    except DatabaseNotReady:
        return with_database(settings, rows.all_in_messages)


def _at_work(settings: Settings, size: int, carry: Carry, where: str) -> Carried:
    """With a bar where somebody watches; `size`: in bytes, of all of them."""
    with bar("Files") as begun:
        done = begun(size)

        async def work(db: Reader) -> Carried:
            try:
                return await carry(db, done)
            except OSError as problem:
                fail(f"Files cannot be copied to {where}: {problem.strerror or problem}.")

        return looking(settings, work)


def _require_whole(carried: Carried, where: str) -> None:
    if carried.whole:
        return
    more = carried.missing + carried.damaged - len(carried.lost)
    fail(
        "\n".join(
            [
                f"Files of messages: {carried.missing} missing in {where}, {carried.damaged} not what was sent up:",
                *carried.lost,
                *([f"and {more} more"] if more else []),
            ]
        )
    )


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _mb(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB"
