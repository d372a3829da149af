"""Apps, agents, their sessions and used tokens: the rare rows around sign-in. Instants are ms since 1970 UTC."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Update,
    bindparam,
    delete,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    update,
)

from chatserver.store.base import Violated
from chatserver.store.database import Database, Reader
from chatserver.store.portable import insert_or_not, one_of
from chatserver.store.tables import agent_apps, agents, apps, meta, sessions, spent_tokens, used_tokens

PEOPLE: Final = "people"
"""The row of `meta` that has another value after each change of apps, agents and their passwords: servers look at it."""


class Taken(Exception):
    """Another row has it already: "key" or "e-mail address", the first argument."""


class AgentSession(msgspec.Struct, frozen=True):
    """A session that has neither ended nor expired, of an agent who is not disabled."""

    id: int
    agent_id: int
    email: str
    name: str
    expires_at: int


async def add_agent(
    db: Database, *, email: str, name: str, password_hash: str, app_ids: Iterable[int], now: int
) -> int:
    """Returns the new agent's id. Raises Taken."""
    agent = insert(agents).values(email=email, name=name, password_hash=password_hash, created_at=now)
    try:
        ((agent_id,),) = (await db.execute(agent.returning(agents.c.id), _changed()))[0]
    except Violated as failure:
        raise Taken("e-mail address") from failure
    await attach(db, agent_id, app_ids)
    return int(agent_id)


async def attach(db: Database, agent_id: int, app_ids: Iterable[int]) -> None:
    """Let an agent attend these apps; harmless twice."""
    statements = [insert_or_not(agent_apps, agent_id=agent_id, app_id=app_id) for app_id in app_ids]
    if statements:
        await db.execute(*statements, _changed())


async def rehash(db: Database, agent_id: int, before: str, after: str) -> None:
    """The same password, hashed otherwise; nothing where it is another one by now."""
    same = update(agents).where(agents.c.id == agent_id, agents.c.password_hash == before)
    await db.execute(same.values(password_hash=after))


async def set_password(db: Database, agent_id: int, password_hash: str, now: int) -> None:
    """All sessions of the agent end."""
    new = update(agents).where(agents.c.id == agent_id).values(password_hash=password_hash)
    await db.execute(new, _end_of_sessions(agent_id, now), _changed())


async def change_agent(
    db: Database, agent_id: int, app_ids: Sequence[int] | None = None, **values: Any
) -> None:
    """`app_ids`: all apps that the agent attends from now on, None for those of before. `values`: of the table agents."""
    if app_ids is None:
        await db.execute(update(agents).where(agents.c.id == agent_id).values(**values), _changed())
        return
    wanted = list(app_ids)
    # As whoever pairs does: an app's row is locked before those of its agents, so who attends it stays who they read.
    attended = select(agent_apps.c.app_id).where(agent_apps.c.agent_id == agent_id)
    of_these = or_(apps.c.id.in_(attended), one_of(apps.c.id, "wanted", wanted))
    locks = (
        select(apps.c.id).where(of_these).order_by(apps.c.id).with_for_update(key_share=True),
        select(agents.c.id).where(agents.c.id == agent_id).with_for_update(key_share=True),
    )
    dropped = delete(agent_apps).where(
        agent_apps.c.agent_id == agent_id, not_(one_of(agent_apps.c.app_id, "wanted", wanted))
    )
    added = [insert_or_not(agent_apps, agent_id=agent_id, app_id=app_id) for app_id in wanted]
    changed = [update(agents).where(agents.c.id == agent_id).values(**values)] if values else []
    await db.execute(*locks, dropped, *added, *changed, _changed())


async def disable_agent(db: Database, agent_id: int, now: int) -> None:
    """They are nobody any more: their sessions are over, also should they be enabled again, and they are not here. Harmless
    twice."""
    gone = update(agents).where(agents.c.id == agent_id)
    gone = gone.values(disabled_at=func.coalesce(agents.c.disabled_at, now), gone_at=0)
    await db.execute(gone, _end_of_sessions(agent_id, now), _changed())


async def begin_session(
    db: Database, token_hash: str, agent_id: int, password_hash: str, *, now: int, expires_at: int
) -> int | None:
    """Returns the session's id; None when the agent was disabled, or given another password than that of `password_hash`, since
    it was looked at. Rows of sessions that are long over go at the same time."""
    over = delete(sessions).where(sessions.c.agent_id == agent_id, sessions.c.expires_at < now)
    # With the agent's row held: a change of the password, which ends all sessions, comes before or sees this one.
    still = (
        select(literal(token_hash), agents.c.id, literal(now, BigInteger), literal(expires_at, BigInteger))
        .where(
            agents.c.id == agent_id, agents.c.password_hash == password_hash, agents.c.disabled_at.is_(None)
        )
        .with_for_update(read=True)
    )
    new = insert(sessions).from_select(["token_hash", "agent_id", "created_at", "expires_at"], still)
    found = (await db.execute(over, new.returning(sessions.c.id)))[1]
    return int(found[0][0]) if found else None


# Reads are constants with named values, which the database compiles once.
_holding = (
    sessions.c.ended_at.is_(None),
    sessions.c.expires_at > bindparam("now"),
    agents.c.disabled_at.is_(None),
)
_session = (
    select(sessions.c.id, agents.c.id, agents.c.email, agents.c.name, sessions.c.expires_at)
    .join(agents, agents.c.id == sessions.c.agent_id)
    .where(*_holding)
)
_BY_HASH = _session.where(sessions.c.token_hash == bindparam("token_hash"))
_BY_ID = _session.where(sessions.c.id == bindparam("session_id"))
_LIVE = (
    select(sessions.c.id)
    .join(agents, agents.c.id == sessions.c.agent_id)
    .where(*_holding, one_of(sessions.c.id, "session_ids"))
)
_ANY = select(sessions.c.id).where(
    sessions.c.agent_id == bindparam("agent_id"),
    sessions.c.ended_at.is_(None),
    sessions.c.expires_at > bindparam("now"),
)
_MARK = select(meta.c.value).where(meta.c.key == PEOPLE)
_POLICY = select(apps.c.policy).where(apps.c.key == bindparam("key"))


async def session_by_hash(db: Database, token_hash: str, now: int) -> AgentSession | None:
    found = await db.rows(_BY_HASH, token_hash=token_hash, now=now)
    return AgentSession(*found[0]) if found else None


async def session_by_id(db: Database, session_id: int, now: int) -> AgentSession | None:
    found = await db.rows(_BY_ID, session_id=session_id, now=now)
    return AgentSession(*found[0]) if found else None


async def live_sessions(db: Database, session_ids: Iterable[int], now: int) -> set[int]:
    """Those of these sessions that still hold."""
    found = await db.rows(_LIVE, session_ids=list(session_ids), now=now)
    return {row[0] for row in found}


async def other_sessions(db: Database, agent_id: int, now: int) -> bool:
    """Is this agent signed in anywhere?"""
    return bool(await db.rows(_ANY, agent_id=agent_id, now=now))


async def end_session(db: Database, session_id: int, now: int) -> bool:
    """False when it had ended before."""
    ended = update(sessions).where(sessions.c.id == session_id, sessions.c.ended_at.is_(None))
    return bool((await db.execute(ended.values(ended_at=now)))[0])


async def use_token(db: Database, app_id: int, jti: str, *, expires_at: int, now: int) -> bool:
    """Remember that a host's user token was exchanged; False when it was before. Those that expired are forgotten."""
    over = delete(used_tokens).where(used_tokens.c.expires_at < now)
    new = insert_or_not(used_tokens, app_id=app_id, jti=jti, expires_at=expires_at)
    return bool((await db.execute(over, new))[1])


async def spend(db: Database, agent_id: int, jti: str, *, expires_at: int, now: int) -> bool:
    """Remember that an agent's token for a socket was used; False when it was before. Those that expired are forgotten."""
    over = delete(spent_tokens).where(spent_tokens.c.expires_at < now)
    new = insert_or_not(spent_tokens, agent_id=agent_id, jti=jti, expires_at=expires_at)
    return bool((await db.execute(over, new))[1])


async def add_app(db: Database, **values: Any) -> int:
    """`values`: columns of the table apps (JSON as text). Returns the new app's id. Raises Taken."""
    try:
        new = insert(apps).values(**values).returning(apps.c.id)
        ((app_id,),) = (await db.execute(new, _changed()))[0]
    except Violated as failure:
        raise Taken("key") from failure
    return int(app_id)


async def app_policy(db: Reader, key: str) -> str:
    """What an app decides for itself, as JSON: nothing of the server's defaults. Raises LookupError for an unknown key."""
    found = await db.rows(_POLICY, key=key)
    if not found:
        raise LookupError(key)
    return str(found[0][0])


async def change_app(db: Database, key: str, **values: Any) -> None:
    await db.execute(update(apps).where(apps.c.key == key).values(**values), _changed())


async def people_mark(db: Reader) -> str:
    """Another one after each change of apps, agents and their passwords, whoever made it."""
    return str((await db.rows(_MARK))[0][0])


def _end_of_sessions(agent_id: int, now: int) -> Update:
    held = update(sessions).where(sessions.c.agent_id == agent_id, sessions.c.ended_at.is_(None))
    return held.values(ended_at=now)


def _changed() -> Update:
    return update(meta).where(meta.c.key == PEOPLE).values(value=secrets.token_hex(8))
