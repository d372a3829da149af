"""Reading apps, customers and agents. Agents' sessions, and whatever is written here, are in accounts.py."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import bindparam, select

from chatserver.core.people import Agent, App, Customer
from chatserver.core.policy import Policy
from chatserver.store.database import Database, Reader
from chatserver.store.rows import CUSTOMER_COLUMNS, agent_from, agent_select, customer_from
from chatserver.store.tables import agents as agents_table
from chatserver.store.tables import apps as apps_table
from chatserver.store.tables import customers, used_tokens


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
    apps_table.c.support_address,
)
_APPS = _app.order_by(apps_table.c.id)
_APP = _app.where(apps_table.c.key == bindparam("key"))
_AGENTS = agent_select.order_by(agents_table.c.id)
_AGENT = agent_select.where(agents_table.c.id == bindparam("id"))
_LOGIN = agent_select.add_columns(agents_table.c.password_hash).where(
    agents_table.c.email == bindparam("email")
)
_CUSTOMER = select(*CUSTOMER_COLUMNS).where(
    customers.c.app_id == bindparam("app_id"), customers.c.key == bindparam("key")
)

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


def _app_from(row: tuple[Any, ...], default: Policy) -> App:
    id_, key, name, origins, secret, color, policy, schedule, support_address = row
    chosen = msgspec.structs.asdict(default) | msgspec.json.decode(policy, type=dict[str, Any])
    chosen["mail"] = (
        chosen["mail"] and default.mail
    )  # an app may do without the server's mail, not with what is not there
    listed = msgspec.json.decode(origins, type=tuple[str, ...])
    decided = msgspec.convert(chosen, Policy)
    return App(id_, key, name, listed, secret, color, decided, schedule, support_address)
