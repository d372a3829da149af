"""Reading apps, customers, agents and their sessions."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Select, select, text

from chatserver.core.people import Agent, App, Customer
from chatserver.core.policy import Policy
from chatserver.store.database import Database
from chatserver.store.rows import CUSTOMER_COLUMNS, agent_from, agent_select, customer_from
from chatserver.store.tables import agents as agents_table
from chatserver.store.tables import apps as apps_table
from chatserver.store.tables import customers, sessions, used_tokens


class Session(msgspec.Struct, frozen=True):
    """A signed-in agent's session. It holds while `ended_at` is None and `expires_at` (ms) lies ahead."""

    id: int
    agent_id: int
    created_at: int
    expires_at: int
    ended_at: int | None


class Login(msgspec.Struct, frozen=True):
    """An agent and what a password is checked against."""

    agent: Agent
    password_hash: str


async def apps(db: Database, default: Policy) -> list[App]:
    """All apps by id. What an app's policy leaves open is taken from `default`."""
    return await _apps(db, _app_select.order_by(apps_table.c.id), default)


async def app_by_key(db: Database, key: str, default: Policy) -> App | None:
    return next(iter(await _apps(db, _app_select.where(apps_table.c.key == key), default)), None)


async def agents(db: Database) -> list[Agent]:
    """All agents who were not disabled, with their loads, by id."""
    return [agent_from(row) for row in await db.rows(agent_select.order_by(agents_table.c.id))]


async def agent_by_id(db: Database, agent_id: int) -> Agent | None:
    """None also when the agent was disabled."""
    rows = await db.rows(agent_select.where(agents_table.c.id == agent_id))
    return agent_from(rows[0]) if rows else None


async def agent_by_email(db: Database, email: str) -> Login | None:
    """By the address as stored; None also when the agent was disabled."""
    query = agent_select.add_columns(agents_table.c.password_hash).where(agents_table.c.email == email)
    rows = await db.rows(query)
    return Login(agent_from(rows[0][:-1]), rows[0][-1]) if rows else None


async def session_by_hash(db: Database, token_hash: str) -> Session | None:
    """As stored: the caller looks at `ended_at` and `expires_at`."""
    query = select(
        sessions.c.id,
        sessions.c.agent_id,
        sessions.c.created_at,
        sessions.c.expires_at,
        sessions.c.ended_at,
    ).where(sessions.c.token_hash == token_hash)
    rows = await db.rows(query)
    return Session(*rows[0]) if rows else None


async def sessions_of(db: Database, agent_id: int, now: int) -> list[Session]:
    """An agent's sessions that hold at `now` (ms)."""
    query = select(
        sessions.c.id,
        sessions.c.agent_id,
        sessions.c.created_at,
        sessions.c.expires_at,
        sessions.c.ended_at,
    ).where(sessions.c.agent_id == agent_id, sessions.c.ended_at.is_(None), sessions.c.expires_at > now)
    return [Session(*row) for row in await db.rows(query.order_by(sessions.c.id))]


async def customer(db: Database, app_id: int, key: str) -> Customer | None:
    """None while that person has not started a ticket."""
    query = select(*CUSTOMER_COLUMNS).where(customers.c.app_id == app_id, customers.c.key == key)
    rows = await db.rows(query)
    return customer_from(rows[0]) if rows else None


async def token_used(db: Database, app_id: int, jti: str) -> bool:
    """Whether this user token was exchanged before. To use one up insert its row: the second insert fails."""
    query = select(text("1")).where(used_tokens.c.app_id == app_id, used_tokens.c.jti == jti)
    return bool(await db.rows(query.select_from(used_tokens)))


_app_select = select(
    apps_table.c.id,
    apps_table.c.key,
    apps_table.c.name,
    apps_table.c.origins,
    apps_table.c.secret,
    apps_table.c.color,
    apps_table.c.policy,
    apps_table.c.schedule,
)


async def _apps(db: Database, query: Select[Any], default: Policy) -> list[App]:
    defaults = msgspec.structs.asdict(default)
    out = []
    for id_, key, name, origins, secret, color, policy, schedule in await db.rows(query):
        chosen = defaults | msgspec.json.decode(policy, type=dict[str, Any])
        listed = msgspec.json.decode(origins, type=tuple[str, ...])
        out.append(App(id_, key, name, listed, secret, color, msgspec.convert(chosen, Policy), schedule))
    return out
