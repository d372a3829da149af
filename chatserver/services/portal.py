"""Customers' accounts: signing up by a mailed link, signing in and out, passwords.

Who is known is told to nobody: what is asked for an address is answered, and takes its time, as for any other. Only the mail says
more, to whoever has the address.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Literal

from chatserver.core import accounts
from chatserver.core.errors import Refused
from chatserver.core.people import App, Customer
from chatserver.core.tries import limit
from chatserver.services.house import House
from chatserver.services.identity import Session, session_tokens
from chatserver.services.letters import Letter, LetterKind, Letters
from chatserver.services.passwords import Passwords
from chatserver.services.persons import customer_with, gather
from chatserver.services.throttle import Buckets, Throttle, tries
from chatserver.settings import Settings
from chatserver.store import portal as rows
from chatserver.store.base import StoreFailed
from chatserver.store.database import Database
from chatserver.store.portal import AddressTaken, CustomerSession, Link, Purpose

__all__ = ["CustomerSession", "Link", "Portal"]

WINDOW_SECONDS: Final = 15 * 60
MAILS_WINDOW_SECONDS: Final = 3600
LINK_SECONDS: Final[dict[Purpose, int]] = {"sign_up": 86_400, "reset": 3600, "confirm": 86_400}
"""So long a mailed link is good: another password is asked for by who waits for it, the others may be read tomorrow."""
MAILS_PER_ADDRESS: Final = 3
"""Mails within an hour to an address at somebody's wish: nobody's mailbox is filled by whoever knows it."""
MAILS_PER_NETWORK: Final = 60
"""The same at the wish of one network address: an office signs up in a morning, a robot gets nowhere."""
TICKETS_PER_HOUR: Final = 20
"""New tickets of one customer: more is a program that went wrong."""
NOBODYS_ADDRESS: Final = "nobody@invalid"

Wish = Literal["sign_up", "reset"]


class Portal:
    """`letters`: who sends mail. `secret` signed the widget's sessions (see `enter`). `buckets`: where several servers of one
    database count who tries to sign in."""

    def __init__(
        self,
        db: Database,
        house: House,
        settings: Settings,
        *,
        secret: str,
        letters: Letters,
        buckets: Buckets | None = None,
    ) -> None:
        self.db = db
        self.house = house
        self.letters = letters
        self.passwords = Passwords()
        self._settings = settings
        self._widget_tokens = session_tokens(secret)
        self._tries = tries(
            limit(settings.sign_in_tries, WINDOW_SECONDS),
            limit(settings.sign_in_tries_per_address, WINDOW_SECONDS),
            buckets,
        )
        self._mails_to = Throttle(limit(MAILS_PER_ADDRESS, MAILS_WINDOW_SECONDS))
        self._mails_from = Throttle(limit(MAILS_PER_NETWORK, MAILS_WINDOW_SECONDS))
        burst = settings.messages_burst
        self._said = Throttle(limit(burst, burst * 60 / settings.messages_per_minute))
        self._opened = Throttle(limit(TICKETS_PER_HOUR, 3600))

    # — links ——————————————————————————————————————————————————————————————————

    async def ask_link(
        self, app: App, address: str, wish: Wish, lang: str, network: str, link_to: Callable[[str], str]
    ) -> None:
        """Mail the way in to whoever has this address: to an account, or to making one. `link_to`: the page for a token.

        Refused: bad_email, rate_limited. Nothing tells whether the address is known.
        """
        address = accounts.folded(address)
        self.may_mail(app, address, network)
        found = await rows.account_at(self.db, app.id, address)
        kind: LetterKind
        purpose: Purpose
        if found is None:
            kind, purpose = "sign_up", "sign_up"
        else:
            kind, purpose = "have_account" if wish == "sign_up" else "reset", "reset"
        token = await self.new_link(app, address, purpose)
        name = found.customer.name if found else ""
        seconds = LINK_SECONDS[purpose]
        await self.letters.ask(Letter(kind, app.id, app.name, address, lang, link_to(token), name, seconds))

    def may_mail(self, app: App, address: str, network: str) -> None:
        """Count a mail at somebody's wish. Refused(rate_limited)."""
        now = self.house.now()
        self._mails_from.take(network, now)
        try:
            self._mails_to.take(f"{app.id} {address}", now)
        except Refused:
            self._mails_from.give_back(network, now)
            raise

    async def new_link(self, app: App, address: str, purpose: Purpose, customer_id: int | None = None) -> str:
        """The token of a link that is good for one use."""
        token, now = secrets.token_urlsafe(32), self.house.now()
        await rows.add_link(
            self.db,
            hashed(token),
            purpose,
            app.id,
            address,
            customer_id=customer_id,
            now=now,
            expires_at=now + LINK_SECONDS[purpose] * 1000,
        )
        return token

    async def link(self, app: App, token: str) -> Link | None:
        """What a link is for, while it is good. Looking at it does not use it: programs that guard mailboxes look too."""
        if not token:
            return None
        return await rows.link(self.db, app.id, hashed(token), self.house.now())

    # — coming in ——————————————————————————————————————————————————————————————

    async def sign_up(self, app: App, token: str, name: str, password: str, lang: str) -> str:
        """An account for who has the link's address; gives the token of its first session.

        Refused: token_expired (no such link any more, or the account is there already), name_required, too_long, too_short.
        """
        name, password = accounts.full_name(name), accounts.password(password)
        link = await self._of(app, token, "sign_up")
        hash_ = await self.passwords.hash(password)
        await self._spend(link)
        customer = await rows.owner_of(self.db, app.id, link.address)
        if customer is None:
            customer = await customer_with(self.house, app.id, new_key(), name, link.address, lang)
        try:
            await rows.add_account(self.db, customer, link.address, hash_, self.house.now())
        except AddressTaken:
            raise Refused("token_expired") from None
        return await self.begin(customer)

    async def reset(self, app: App, token: str, password: str) -> str:
        """Another password for who has the link's address; all other sessions end. Gives the token of a new one.

        Refused: token_expired, too_short, too_long.
        """
        password = accounts.password(password)
        link = await self._of(app, token, "reset")
        hash_ = await self.passwords.hash(password)
        await self._spend(link)
        account = await rows.account_at(self.db, app.id, link.address)
        if account is None:
            raise Refused("token_expired")
        await rows.set_password(self.db, account.customer.id, hash_, now=self.house.now())
        # No try was taken from any network: nothing is given back to one.
        await self._tries.forgive(_named(app, link.address), _counted(""), self.house.now())
        return await self.begin(account.customer)

    async def sign_in(self, app: App, address: str, password: str, network: str) -> str:
        """Begin a session; gives its token.

        Refused: unauthorized (the same, after the same time, for unknown addresses and wrong passwords), rate_limited.
        """
        now = self.house.now()
        try:
            address = accounts.folded(address)
        except Refused:  # it is nobody's, and that takes as long to find out
            address = NOBODYS_ADDRESS
        name, place = _named(app, address), _counted(network)
        # Counted before the password is looked at: many guesses at once are as many tries.
        await self._tries.take(name, place, now)
        try:
            found = await rows.account_at(self.db, app.id, address)
        except Exception:  # the database is away: nobody looked at the password
            with suppress(StoreFailed):
                await self._tries.give_back(name, place, now)
            raise
        good = await self.passwords.verify(
            found.password_hash if found else None, password[: accounts.PASSWORD_MOST + 1]
        )
        if found is None or not good:
            raise Refused("unauthorized")
        await self._tries.forgive(name, place, now)
        return await self.begin(found.customer)

    async def enter(self, app: App, widget_token: str) -> str:
        """A session for the host's verified user, by the session that the widget holds for them; it ends when that one does.

        Refused: unauthorized (not ours, another app's, or nobody's whom the host vouches for), token_expired.
        """
        held = self._widget_tokens.read(widget_token)
        if held is None or held.app != app.key or not held.verified:
            raise Refused("unauthorized")
        if held.expires * 1000 < self.house.now():
            raise Refused("token_expired")
        customer = await self._vouched(app, held)
        return await self.begin(customer, until=held.expires * 1000)

    async def _vouched(self, app: App, held: Session) -> Customer:
        return await customer_with(self.house, app.id, held.key, held.name, held.email, "")

    async def session(self, app: App, token: str) -> CustomerSession | None:
        """Whose session of this app this is; None when it ended, expired or never was."""
        if not token:
            return None
        return await rows.session_by_hash(self.db, app.id, hashed(token), self.house.now())

    @property
    def session_seconds(self) -> int:
        return self._settings.portal_session_seconds

    # — while they are in ——————————————————————————————————————————————————————

    async def sign_out(self, session: CustomerSession, *, everywhere: bool = False) -> None:
        now = self.house.now()
        if everywhere:
            await rows.end_sessions(self.db, session.customer.id, now)
        else:
            await rows.end_session(self.db, session.id, now)

    async def proves(self, session: CustomerSession, password: str, network: str) -> None:
        """Who is signed in knows the account's password; true of who has none. Refused: unauthorized, rate_limited."""
        account = await rows.account_of(self.db, session.customer.id)
        if account is None:
            return
        now, name, place = self.house.now(), f"portal session {session.customer.id}", _counted(network)
        await self._tries.take(name, place, now)
        if not await self.passwords.verify(account.password_hash, password[: accounts.PASSWORD_MOST + 1]):
            raise Refused("unauthorized")
        await self._tries.forgive(name, place, now)

    async def change_password(
        self, app: App, session: CustomerSession, old: str, new: str, lang: str, network: str
    ) -> None:
        """All other sessions end, and the account's address is told. Refused: unauthorized (the old one is wrong), too_short,
        too_long, rate_limited, not_found (there is no account)."""
        new = accounts.password(new)
        if not session.has_password:
            raise Refused("not_found")
        await self.proves(session, old, network)
        hash_ = await self.passwords.hash(new)
        await rows.set_password(
            self.db, session.customer.id, hash_, keep_session=session.id, now=self.house.now()
        )
        await self.letters.ask(
            Letter("password_changed", app.id, app.name, session.email, lang, name=session.customer.name)
        )

    def may_say(self, session: CustomerSession) -> None:
        """Count a message, at the rate that the widget has too. Refused(rate_limited)."""
        self._said.take(str(session.customer.id), self.house.now())

    def may_open(self, session: CustomerSession) -> None:
        """Count a new ticket. Refused(rate_limited)."""
        self._opened.take(str(session.customer.id), self.house.now())

    # — inner ——————————————————————————————————————————————————————————————————

    async def _of(self, app: App, token: str, purpose: Purpose) -> Link:
        link = await self.link(app, token)
        if link is None or link.purpose != purpose:
            raise Refused("token_expired")
        return link

    async def _spend(self, link: Link) -> None:
        """Should the server end right after this, another link is asked for; nothing else is half done."""
        if not await rows.spend(self.db, link):
            raise Refused("token_expired")

    async def begin(self, customer: Customer, until: int | None = None) -> str:
        """The token of a new session, for who has proved to be this customer; `until` (ms) ends it sooner than others."""
        token, now = secrets.token_urlsafe(32), self.house.now()
        expires_at = now + self.session_seconds * 1000
        await rows.begin_session(
            self.db,
            hashed(token),
            customer.id,
            now=now,
            expires_at=expires_at if until is None else min(until, expires_at),
        )
        await gather(self.house, self.db, customer)
        return token


def _named(app: App, address: str) -> str:
    return f"portal {app.id} {address}"


def _counted(network: str) -> str:
    """Apart from agents': customers who guess in an office keep nobody there from their work."""
    return f"portal {network}"


def _person(session: CustomerSession) -> str:
    return f"{session.customer.app_id} {session.customer.key}"


def new_key() -> str:
    """Of a customer who signed up. Not by their address, which may be somebody else's one day."""
    return f"{rows.OF_ACCOUNT}{secrets.token_urlsafe(16)}"


def hashed(token: str) -> str:
    # 256 random bits need no slow hash.
    return hashlib.sha256(token.encode()).hexdigest()
