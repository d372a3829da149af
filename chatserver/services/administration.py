"""What administrators order. An order is a value: whoever has the database open carries it out, a command by itself or the server
that runs (`chatserver/processes/control.py`), with the same outcome."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from chatserver.core.errors import Refused
from chatserver.core.hours import Schedule
from chatserver.core.people import App
from chatserver.core.policy import Policy
from chatserver.services import accounts, apps
from chatserver.services.partaking import PEOPLE_MAX
from chatserver.services.passwords import Passwords
from chatserver.store import companies
from chatserver.store.accounts import Taken, people_mark
from chatserver.store.database import Database

log = logging.getLogger(__name__)


class AddApp(msgspec.Struct, frozen=True, tag=True):
    key: str
    name: str
    origins: tuple[str, ...]
    schedule: Schedule
    color: str


class ChangeApp(msgspec.Struct, frozen=True, tag=True):
    key: str
    wanted: apps.Change


class AddAgent(msgspec.Struct, frozen=True, tag=True):
    email: str
    name: str
    password: str
    apps: tuple[str, ...]
    """Keys of those to attend."""


class ChangePassword(msgspec.Struct, frozen=True, tag=True):
    """All sessions of the agent end."""

    email: str
    password: str


class ChangeAgent(msgspec.Struct, frozen=True, tag=True):
    """None and empty leave things as they are."""

    email: str
    name: str | None = None
    capacity: int | None = None
    """Chats at once."""
    apps: tuple[str, ...] = ()
    """Keys of all that they attend from now on."""
    disabled: bool | None = None


class ChangeCompany(msgspec.Struct, frozen=True, tag=True):
    """People of a company, whose customers' tickets some of them see (`store/companies.py`): addresses, or `user:<sub>`."""

    key: str
    name: str
    add: tuple[str, ...] = ()
    sees: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


Order = AddApp | ChangeApp | AddAgent | ChangePassword | ChangeAgent | ChangeCompany


async def carry_out(db: Database, order: Order, policy: Policy, now: int) -> App | None:
    """The app as it is then, if the order was about one. `policy`: the server's. Raises what `sentence` knows and what the store
    raises."""
    match order:
        case AddApp(key, name, origins, schedule, color):
            return await apps.add(
                db, key=key, name=name, origins=origins, now=now, schedule=schedule, color=color
            )
        case ChangeApp(key, wanted):
            return await apps.change(db, key, wanted, policy, now)
        case AddAgent(email, name, password, keys):
            await accounts.add_agent(db, Passwords(), email, name, password, await _ids(db, keys), now)
        case ChangePassword(email, password):
            await accounts.set_password(db, Passwords(), email, password, now)
        case ChangeAgent(email, new_name, capacity, keys, disabled):
            await accounts.change_agent(
                db,
                email,
                now,
                name=new_name,
                capacity=capacity,
                app_ids=await _ids(db, keys),
                disabled=disabled,
            )
        case ChangeCompany(key, name, add, sees, remove):
            app = await apps.find(db, key)
            of_it = {one.person for one in await companies.listed(db, app.id) if one.company == name}
            if len(of_it | {*add, *sees}) > PEOPLE_MAX:
                raise Refused("too_many", limit=PEOPLE_MAX)
            await companies.change(db, app.id, name, add=add, sees=sees, remove=remove, now=now)
    return None


async def _ids(db: Database, keys: Sequence[str]) -> list[int]:
    """Raises apps.UnknownApp."""
    return [(await apps.find(db, key)).id for key in keys]


async def notice(db: Database, changed: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Look each so many seconds for what was ordered elsewhere; until it is cancelled."""
    known = ""
    while True:
        try:
            found = await people_mark(db)
            if found != known:
                await changed()
                known = found
        except Exception as problem:
            if not db.explains(problem):
                log.warning("could not look for what administrators changed: %s", type(problem).__name__)
        await asyncio.sleep(seconds)


def sentence(problem: Exception) -> str | None:
    """What an administrator can put right, in words; None for anything else."""
    match problem:
        case apps.BadOptions():
            return "\n".join(problem.problems)
        case Taken():
            return f"That {problem.args[0]} is taken already."
        case accounts.BadPassword():
            return _OF_PASSWORDS[problem.code].format(limit=problem.limit)
        case Refused():
            return _REFUSALS.get(problem.code, problem.code).format(limit=problem.limit)
        case apps.UnknownApp():
            return f"There is no app with the key {problem.args[0]!r}; `chatserver app list` shows all."
    return None


_OF_PASSWORDS = {
    "too_short": "A password has at least {limit} characters.",
    "too_long": "A password has at most {limit} characters.",
}
_REFUSALS = {
    "too_many": "A company has at most {limit} people.",
    "bad_email": "That is no e-mail address.",
    "not_found": "There is no agent with that e-mail address; `chatserver agent list` shows all.",
    "name_required": "An agent needs a name: write what customers see.",
    "too_long": "A name has at most {limit} characters.",
}
