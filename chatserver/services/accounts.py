"""Agents and their sessions, customers and their identity: who somebody is, decided in one place for HTTP and WebSocket."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

import msgspec

from chatserver.bus.base import Bus
from chatserver.core import accounts as core
from chatserver.core import messages
from chatserver.core.addresses import alike
from chatserver.core.errors import Refused
from chatserver.core.events import SessionEnded, session_topic
from chatserver.core.people import App
from chatserver.core.tries import limit
from chatserver.services.identity import (
    BadUserToken,
    Session,
    SocketToken,
    User,
    anonymous_key,
    read_user_token,
    session_tokens,
    socket_tokens,
)
from chatserver.services.passwords import Passwords
from chatserver.services.throttle import Buckets, tries
from chatserver.settings import Settings
from chatserver.store import accounts as rows
from chatserver.store import people
from chatserver.store.accounts import AgentSession
from chatserver.store.base import StoreFailed
from chatserver.store.database import Database, Reader
from chatserver.store.people import Listed
from chatserver.store.work import Who

__all__ = ["Accounts", "AgentSession", "CustomerIdentity", "Hello"]

log = logging.getLogger(__name__)

SOCKET_TOKEN_MS: Final = 30_000
REMEMBERED_MS: Final = 120_000
"""So long beyond its end it is known that a token was used: a minute passes until a node knows that its clock is another one."""
REFUSED_LOG_MS: Final = 60_000
"""Between two lines about user tokens of one app that are refused for one reason: a host's wrong secret makes all of them so."""
SIGN_IN_WINDOW_SECONDS: Final = 15 * 60


class BadPassword(Refused):
    """too_short, or too_long: the console's page takes no such one, and who has it could never sign in."""


class Hello(Protocol):
    """A customer's first frame, as far as it says who they are. Nothing in it is believed but what is signed."""

    @property
    def app(self) -> str: ...
    @property
    def token(self) -> str: ...
    @property
    def identity(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def email(self) -> str: ...
    @property
    def locale(self) -> str: ...
    @property
    def zone(self) -> str: ...


class CustomerIdentity(msgspec.Struct, frozen=True):
    """A customer as authenticated; `token` is to be kept and sent with the next hello."""

    app: App
    who: Who
    token: str


class Accounts:
    """`find_app`: an app by its key, or Refused(not_found). `clock`: ms since 1970 UTC. `secret` signs customers' tokens.
    `buckets`: where several servers serve one database, what counts for all of them."""

    def __init__(
        self,
        db: Database,
        bus: Bus,
        settings: Settings,
        *,
        secret: str,
        find_app: Callable[[str], App],
        clock: Callable[[], int],
        buckets: Buckets | None = None,
    ) -> None:
        self._db = db
        self._bus = bus
        self._settings = settings
        self._find_app = find_app
        self._clock = clock
        self._tokens = session_tokens(secret)
        self._passwords = Passwords()
        self._tries = tries(
            limit(settings.sign_in_tries, SIGN_IN_WINDOW_SECONDS),
            limit(settings.sign_in_tries_per_address, SIGN_IN_WINDOW_SECONDS),
            buckets,
        )
        self._socket_tokens = socket_tokens(secret)
        self._refusals_logged: dict[tuple[str, str], int] = {}
        """When it was said last of an app, for a reason."""

    # — agents —————————————————————————————————————————————————————————————————

    async def sign_in(self, email: str, password: str, address: str) -> tuple[str, AgentSession]:
        """Begin a session; returns its token, which only the agent's browser keeps. `address`: where the request came from.

        Raises Refused: unauthorized (the same, after the same time, for unknown addresses and wrong passwords), rate_limited.
        """
        now = self._clock()
        email = alike(email)[:254].replace("\0", "")
        # Counted before the password is looked at: many guesses at once are as many tries.
        await self._tries.take(email, address, now)
        try:
            found = await people.agent_by_email(self._db, email)
        except Exception:  # the database is away: nobody looked at the password
            with suppress(StoreFailed):
                await self._tries.give_back(email, address, now)
            raise
        hashed = found.password_hash if found else None
        good = await self._passwords.verify(hashed, password)
        if found is None or hashed is None or not good:
            raise Refused("unauthorized")
        await self._tries.forgive(email, address, now)
        if self._passwords.is_dated(hashed):
            dated, hashed = hashed, await self._passwords.hash(password)
            await rows.rehash(self._db, found.agent.id, dated, hashed)
        token = secrets.token_urlsafe(32)
        expires_at = now + self._settings.agent_session_seconds * 1000
        session_id = await rows.begin_session(
            self._db, _hash(token), found.agent.id, hashed, now=now, expires_at=expires_at
        )
        if session_id is None:  # an administrator was faster
            raise Refused("unauthorized")
        return token, AgentSession(
            session_id, found.agent.id, found.agent.email, found.agent.name, expires_at
        )

    @property
    def session_seconds(self) -> int:
        return self._settings.agent_session_seconds

    async def session(self, token: str) -> AgentSession | None:
        """Whose session this is; None when it ended, expired or never was."""
        if not token:
            return None
        return await rows.session_by_hash(self._db, _hash(token), self._clock())

    async def sign_out(self, session: AgentSession) -> bool:
        """End a session; its sockets close. True when the agent is signed in nowhere any more."""
        now = self._clock()
        await rows.end_session(self._db, session.id, now)
        self._tell_ended(session.id)
        return not await rows.other_sessions(self._db, session.agent_id, now)

    def socket_token(self, session: AgentSession) -> str:
        """For the first frame of the console's socket: one use, 30 s, at whichever node it arrives."""
        expires_at = self._clock() + SOCKET_TOKEN_MS
        one_use = SocketToken(session.id, session.agent_id, expires_at, secrets.token_urlsafe(16))
        return self._socket_tokens.sign(one_use)

    async def authenticate_agent(self, token: str) -> AgentSession:
        """The session behind a socket token, which is spent by this. Raises Refused: unauthorized, token_expired."""
        held = self._socket_tokens.read(token)
        if held is None:
            raise Refused("unauthorized")
        now = self._clock()
        if held.expires_at < now:
            raise Refused("token_expired")
        forget_at = held.expires_at + REMEMBERED_MS
        if not await rows.spend(self._db, held.agent_id, held.jti, expires_at=forget_at, now=now):
            raise Refused("unauthorized")
        session = await rows.session_by_id(self._db, held.session_id, now)
        if session is None:
            raise Refused("unauthorized")
        return session

    async def live_sessions(self, session_ids: Iterable[int]) -> set[int]:
        """Those of these agents' sessions that still hold."""
        return await rows.live_sessions(self._db, session_ids, self._clock())

    def _tell_ended(self, session_id: int) -> None:
        self._bus.publish(SessionEnded(session_id), [session_topic(session_id)])

    # — customers ——————————————————————————————————————————————————————————————

    async def authenticate_customer(self, hello: Hello) -> CustomerIdentity:
        """Who this customer is: the host's user when its token says so, else whom our own token names, else a new visitor.

        Raises Refused: not_found (no such app), bad_identity, token_expired, unauthorized (a token we did not sign, or of
        another app), identity_required.
        """
        app = self._find_app(hello.app)
        now = self._clock()
        held = self._held(hello.token, app, now, lenient=bool(hello.identity))
        if hello.identity:
            session = await self._exchange(app, hello.identity, held, now)
        elif held is not None:
            session = held
        else:
            session = Session(app.key, anonymous_key(), 0)
        if app.policy.identity_required and not session.verified:
            raise Refused("identity_required")
        return self._identified(app, session, hello, now, fresh=bool(hello.identity))

    def customer(self, token: str) -> Who:
        """Whom a session token of ours names, for a request beside their conversation. Raises Refused: unauthorized,
        token_expired, identity_required."""
        session = self._tokens.read(token)
        if session is None:
            raise Refused("unauthorized")
        if session.expires * 1000 < self._clock():
            raise Refused("token_expired")
        try:
            app = self._find_app(session.app)
        except Refused:
            raise Refused("unauthorized") from None
        if app.policy.identity_required and not session.verified:
            raise Refused("identity_required")
        return Who(app.id, session.key, session.name, session.email)

    def _held(self, token: str, app: App, now: int, *, lenient: bool) -> Session | None:
        """What our own token says. `lenient`: another proof comes with it, so a bad one is as good as none."""
        if not token:
            return None
        session = self._tokens.read(token)
        if session is None or session.app != app.key:
            if lenient:
                return None
            raise Refused("unauthorized")
        if session.expires * 1000 < now:
            if lenient:
                return None
            raise Refused("token_expired")
        return session

    async def _exchange(self, app: App, token: str, held: Session | None, now: int) -> Session:
        try:
            user = read_user_token(token, app, now)
        except BadUserToken as bad:
            self._log_refusal(app, bad.reason, now)
            raise Refused("token_expired" if bad.expired else "bad_identity") from None
        # Who holds our session for this very user proves nothing new with it: so a page that says hello twice is not refused.
        if (held is None or held.key != user.key) and not await self._first_use(app, user, now):
            self._log_refusal(app, "used", now)
            raise Refused("bad_identity")
        name, email = _claimed(messages.name, user.name), _claimed(messages.email, user.email)
        return Session(app.key, user.key, 0, name, email)

    def _log_refusal(self, app: App, reason: str, now: int) -> None:
        """For the operator, whom the host's developer asks. Nothing of the token itself: it may be good elsewhere."""
        key = (app.key, reason)
        if abs(now - self._refusals_logged.get(key, 0)) >= REFUSED_LOG_MS:
            self._refusals_logged[key] = now
            log.warning("a user token was refused", extra={"app": app.key, "reason": reason})

    async def _first_use(self, app: App, user: User, now: int) -> bool:
        forget_at = user.expires * 1000 + REMEMBERED_MS
        return await rows.use_token(self._db, app.id, user.jti, expires_at=forget_at, now=now)

    def _identified(
        self, app: App, session: Session, hello: Hello, now: int, *, fresh: bool
    ) -> CustomerIdentity:
        name, email = session.name, session.email
        if session.verified:
            # A verified session is as long as the exchange allowed: renewing it by itself would outlive the host's sign-out.
            lasts = self._settings.verified_session_seconds
            expires = now // 1000 + lasts if fresh else session.expires
        else:
            expires = now // 1000 + self._settings.anonymous_session_seconds
            name, email = _claimed(messages.name, hello.name), _claimed(messages.email, hello.email)
        # Whatever a browser says of itself: no database takes a NUL in a text.
        locale, zone = (said.replace("\0", "") for said in (hello.locale, hello.zone))
        who = Who(app.id, session.key, name, email, locale, zone)
        kept = Session(
            app.key,
            session.key,
            expires,
            name if session.verified else "",
            email if session.verified else "",
        )
        return CustomerIdentity(app, who, self._tokens.sign(kept))


# — for administrators: without a running server ———————————————————————————————


async def add_agent(
    db: Database,
    passwords: Passwords,
    email: str,
    name: str,
    password: str,
    app_ids: Iterable[int],
    now: int,
) -> int:
    """Returns the agent's id. Raises `store.accounts.Taken`, BadPassword, and Refused: bad_email, too_long (the name)."""
    address, shown = core.folded(email), messages.name(name)
    hashed = await _hashed(passwords, password)
    return await rows.add_agent(
        db,
        email=address,
        name=shown or address,
        password_hash=hashed,
        app_ids=app_ids,
        now=now,
    )


async def set_password(db: Database, passwords: Passwords, email: str, password: str, now: int) -> None:
    """Ends all of the agent's sessions. Raises Refused(not_found) and BadPassword."""
    found = await find_agent(db, email)
    hashed = await _hashed(passwords, password)
    await rows.set_password(db, found.agent.id, hashed, now)


async def find_agent(db: Reader, email: str) -> Listed:
    """However the address is written, and whether they are disabled or not. Raises Refused(not_found)."""
    found = await people.listed_agent(db, alike(email))
    if found is None:
        raise Refused("not_found")
    return found


async def change_agent(
    db: Database,
    email: str,
    now: int,
    *,
    name: str | None = None,
    capacity: int | None = None,
    app_ids: Sequence[int] = (),
    disabled: bool | None = None,
) -> None:
    """What is not given stays; `app_ids`: all that they attend from then on. Whoever is disabled has no sessions any more; what
    they had on their desk is given to others by the server (`followups.people_changed`). Harmless twice.

    Raises Refused: not_found, name_required, too_long (the name).
    """
    agent_id = (await find_agent(db, email)).agent.id
    values: dict[str, Any] = {}
    if name is not None:
        values["name"] = messages.name(name)
        if not values["name"]:
            raise Refused("name_required")
    if capacity is not None:
        values["capacity"] = capacity
    if disabled is False:
        values["disabled_at"] = None
    if values or app_ids:
        await rows.change_agent(db, agent_id, app_ids or None, **values)
    if disabled:
        await rows.disable_agent(db, agent_id, now)


async def _hashed(passwords: Passwords, password: str) -> str:
    """Raises BadPassword."""
    try:
        return await passwords.hash(core.password(password))
    except Refused as refused:
        raise BadPassword(refused.code, limit=refused.limit) from None


def _claimed(check: Callable[[str], str], text: str) -> str:
    """What somebody is said to be called: nothing rather than something wrong, since no form is there to be corrected."""
    try:
        return check(text)
    except Refused:
        return ""


def _hash(token: str) -> str:
    # 256 random bits need no slow hash.
    return hashlib.sha256(token.encode()).hexdigest()
