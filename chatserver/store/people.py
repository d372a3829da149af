"""Reading apps, customers and agents. Agents' sessions, and whatever is written here, are in accounts.py."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import bindparam, func, select

from chatserver.core.forms import Form
from chatserver.core.people import Agent, App, Customer
from chatserver.core.policy import Policy
from chatserver.store.database import Database, Reader
from chatserver.store.rows import (
    CUSTOMER_COLUMNS,
    MISSED,
    agent_columns,
    agent_from,
    agent_select,
    customer_from,
)
from chatserver.store.tables import agents as agents_table
from chatserver.store.tables import apps as apps_table
from chatserver.store.tables import customers, used_tokens


class Listed(msgspec.Struct, frozen=True):
    """An agent as an administrator sees them. `disabled_at` (ms): since when they are not let in; None while they are."""

    agent: Agent
    disabled_at: int | None


class Login(msgspec.Struct, frozen=True):
    """An agent and what a password is checked against."""

    agent: Agent
    password_hash: str


_app = select(
    apps_table.c.id,
    apps_table.c.key,
    apps_table.c.name,
    apps_table.c.origins,
    apps_table.c.secret,
    apps_table.c.color,
    apps_table.c.policy,
    apps_table.c.schedule,
    apps_table.c.old_secret,
    apps_table.c.old_secret_until,
    apps_table.c.form,
    apps_table.c.support_address,
)
_APPS = _app.order_by(apps_table.c.id)
_APP = _app.where(apps_table.c.key == bindparam("key"))
_AGENTS = agent_select.order_by(agents_table.c.id)
_AGENT = agent_select.where(agents_table.c.id == bindparam("id"))
_LISTED = agent_columns.add_columns(agents_table.c.disabled_at)
_ALL_LISTED = _LISTED.order_by(agents_table.c.id)
_ONE_LISTED = _LISTED.where(agents_table.c.email == bindparam("email"))
_LOGIN = agent_select.add_columns(agents_table.c.password_hash).where(
    agents_table.c.email == bindparam("email")
)
_MISSED = agent_select.where(MISSED, agents_table.c.gone_at <= bindparam("before")).order_by(
    agents_table.c.gone_at
)
_NEXT_MISSED = select(func.min(agents_table.c.gone_at)).where(
    MISSED, agents_table.c.gone_at > bindparam("after")
)
_CUSTOMER = select(*CUSTOMER_COLUMNS).where(
    customers.c.app_id == bindparam("app_id"), customers.c.key == bindparam("key")
)

_form = msgspec.json.Decoder(Form)

_USED = select(used_tokens.c.jti).where(
    used_tokens.c.app_id == bindparam("app_id"), used_tokens.c.jti == bindparam("jti")
)


async def apps(db: Reader, default: Policy) -> list[App]:
    """All apps by id. What an app's policy leaves open is taken from `default`."""
    return [_app_from(row, default) for row in await db.rows(_APPS)]


async def app_by_key(db: Reader, key: str, default: Policy) -> App | None:
    rows = await db.rows(_APP, key=key)
    return _app_from(rows[0], default) if rows else None


async def agents(db: Reader) -> list[Agent]:
    """All agents who were not disabled, with their loads, by id."""
    return [agent_from(row) for row in await db.rows(_AGENTS)]


async def listed_agents(db: Reader) -> list[Listed]:
    """All agents by id, disabled ones too."""
    return [_listed_from(row) for row in await db.rows(_ALL_LISTED)]


async def listed_agent(db: Reader, email: str) -> Listed | None:
    """By the address as stored, disabled or not."""
    rows = await db.rows(_ONE_LISTED, email=email)
    return _listed_from(rows[0]) if rows else None


async def missed_agents(db: Reader, before: int) -> list[Agent]:
    """Who have chats and have been gone since `before` (ms) or for longer, first gone, first: by an index of those alone."""
    return [agent_from(row) for row in await db.rows(_MISSED, before=before)]


async def next_missed(db: Reader, after: int) -> int | None:
    """Since when (ms) the first of those has been gone who left after that; None where there is nobody."""
    ((gone_at,),) = await db.rows(_NEXT_MISSED, after=after)
    return None if gone_at is None else int(gone_at)


async def agent_by_id(db: Database, agent_id: int) -> Agent | None:
    """None also when the agent was disabled."""
    rows = await db.rows(_AGENT, id=agent_id)
    return agent_from(rows[0]) if rows else None


async def agent_by_email(db: Database, email: str) -> Login | None:
    """By the address as stored; None also when the agent was disabled."""
    rows = await db.rows(_LOGIN, email=email)
    return Login(agent_from(rows[0][:-1]), rows[0][-1]) if rows else None


async def customer(db: Database, app_id: int, key: str) -> Customer | None:
    """None while that person has not started a ticket."""
    rows = await db.rows(_CUSTOMER, app_id=app_id, key=key)
    return customer_from(rows[0]) if rows else None


async def token_used(db: Reader, app_id: int, jti: str) -> bool:
    """Whether a user token was used up before: for telling why one fails, never for letting somebody in (`use_token`)."""
    return bool(await db.rows(_USED, app_id=app_id, jti=jti))


def _listed_from(row: Any) -> Listed:
    return Listed(agent_from(row[:-1]), row[-1])


def own_policy(text: str) -> dict[str, Any]:
    """What an app decides for itself. A server of before may still write a support address there: that is a column now."""
    chosen = msgspec.json.decode(text, type=dict[str, Any])
    chosen.pop("support_address", None)
    return chosen


def _app_from(row: tuple[Any, ...], default: Policy) -> App:
    id_, key, name, origins, secret, color, policy, schedule, old, old_until, form, support_address = row
    chosen = msgspec.structs.asdict(default) | own_policy(policy)
    chosen["mail"] = (
        chosen["mail"] and default.mail
    )  # an app may do without the server's mail, not with what is not there
    listed = msgspec.json.decode(origins, type=tuple[str, ...])
    decided, asked = msgspec.convert(chosen, Policy), _form.decode(form)
    return App(
        id_, key, name, listed, secret, color, decided, schedule, old, old_until, asked, support_address
    )
