"""What the sockets are handed by the app: who somebody is, and which origin may speak. `services.accounts` fits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from chatserver.core.people import App
from chatserver.realtime.wire import CustomerHello
from chatserver.store.work import Who

Scope = dict[str, Any]

OriginAllowed = Callable[[Scope], bool]
"""Looks at the handshake's headers; a missing or foreign `Origin` is not allowed. Asked before the socket is accepted."""

Apps = Callable[[int], App]
"""An app by its id, from memory: events become frames without waiting."""


class CustomerIdentity(Protocol):
    """A customer as authenticated. `token` is ours, for the next `hello`."""

    @property
    def app(self) -> App: ...
    @property
    def who(self) -> Who: ...
    @property
    def token(self) -> str: ...


class AgentSession(Protocol):
    """An agent's session. `id` names it in `SessionEnded`."""

    @property
    def id(self) -> int: ...
    @property
    def agent_id(self) -> int: ...


class AuthenticateCustomer(Protocol):
    async def __call__(self, hello: CustomerHello, /) -> CustomerIdentity:
        """Raises Refused: unauthorized, token_expired, identity_required, bad_identity, not_found (no such app)."""


class AuthenticateAgent(Protocol):
    async def __call__(self, token: str, /) -> AgentSession:
        """The token is spent. Raises Refused: unauthorized, token_expired."""


class LiveSessions(Protocol):
    async def __call__(self, session_ids: Iterable[int], /) -> set[int]:
        """Those of these agents' sessions that still hold."""
