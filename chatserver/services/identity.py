"""Who a customer is: our own signed session tokens, and the host's user tokens (JWT) that are exchanged for one.

Pure: no clock, no database. `accounts.Accounts.authenticate_customer` puts the pieces together and remembers which user tokens
were used.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from contextlib import suppress
from typing import Any, Final, Generic, TypeVar

import msgspec

from chatserver.core.people import App

USER_TOKEN_SECONDS: Final = 300
"""A host's user token may be valid for so long at most: it is exchanged at once, and lies in nobody's log for later."""
LEEWAY_SECONDS: Final = 60
"""So far may the host's clock be from ours."""

EXPIRED: Final = "expired"

_HEADERS = frozenset(
    {"alg", "typ", "kid"}
)  # jwk, jku, x5c, crit …: a token does not bring its own key or rules
_SALT = "customer-session"
_SOCKET_SALT = "agent-socket"


class Session(msgspec.Struct, frozen=True):
    """What one of our session tokens says, once its signature holds. `expires` in s since 1970 UTC."""

    app: str
    key: str
    expires: int
    name: str = ""
    email: str = ""

    @property
    def verified(self) -> bool:
        return self.key.startswith("user:")


class User(msgspec.Struct, frozen=True):
    """A user that the host vouches for. `expires` in s since 1970 UTC, after which the token's `jti` may be forgotten."""

    sub: str
    jti: str
    expires: int
    name: str = ""
    email: str = ""
    outdated: bool = False
    """Signed with the secret that the app's present one replaced."""

    @property
    def key(self) -> str:
        return f"user:{self.sub}"


class BadUserToken(Exception):
    """The host's token does not pass; `why` is for the host's developer (`chatserver doctor`), never for the wire.

    `reason`: the same in a word, for the log: "expired", "signature", "unreadable", "header", or the claim that is wrong.
    """

    def __init__(self, reason: str, why: str) -> None:
        super().__init__(why)
        self.reason = reason
        self.why = why

    @property
    def expired(self) -> bool:
        return self.reason == EXPIRED


def anonymous_key() -> str:
    return f"anon:{secrets.token_urlsafe(16)}"


class SocketToken(msgspec.Struct, frozen=True, array_like=True):
    """For one socket of an agent's session, until `expires_at` (ms). `jti` is spent with the first use."""

    session_id: int
    agent_id: int
    expires_at: int
    jti: str


T = TypeVar("T")


class Signed(Generic[T]):
    """Values of one kind that only we can have made, as text: HMAC-SHA256 with a salt of that kind, so that none passes for
    another."""

    def __init__(self, secret: str, salt: str, kind: type[T]) -> None:
        from itsdangerous import Signer

        self._kind = kind
        self._signer = Signer(secret, salt=salt, key_derivation="hmac", digest_method=hashlib.sha256)

    def sign(self, value: T) -> str:
        from itsdangerous.encoding import base64_encode

        return self._signer.sign(base64_encode(msgspec.json.encode(value))).decode()

    def read(self, token: str) -> T | None:
        """None for whatever we did not sign. What it says is the caller's to check."""
        from itsdangerous import BadData
        from itsdangerous.encoding import base64_decode

        try:
            return msgspec.json.decode(base64_decode(self._signer.unsign(token)), type=self._kind)
        except (BadData, msgspec.DecodeError, UnicodeError):
            return None


def session_tokens(secret: str) -> Signed[Session]:
    """Our customers' sessions: app, customer and expiry."""
    return Signed(secret, _SALT, Session)


def socket_tokens(secret: str) -> Signed[SocketToken]:
    return Signed(secret, _SOCKET_SALT, SocketToken)


def read_user_token(token: str, app: App, now: int) -> User:
    """The user that `token` (JWT, HS256 with the app's secret) vouches for at `now` (ms). Raises BadUserToken.

    Required: `sub`, `exp` (at most 5 minutes ahead), `aud` = the app's key, `jti`. Optional: `name`, `email`. That a token is
    used once is checked where used ones are kept.
    """
    claims, outdated = _verified_claims(token, app, now)
    seconds = now // 1000
    expires = _instant(claims, "exp", None)
    if expires + LEEWAY_SECONDS < seconds:
        raise BadUserToken(EXPIRED, f"It expired {seconds - expires} s ago (exp).")
    if expires > seconds + USER_TOKEN_SECONDS + LEEWAY_SECONDS:
        raise BadUserToken(
            "exp",
            f"It is valid for {expires - seconds} s more (exp); at most {USER_TOKEN_SECONDS} s are allowed.",
        )
    for name in ("nbf", "iat"):
        if _instant(claims, name, seconds) > seconds + LEEWAY_SECONDS:
            raise BadUserToken(name, f"The claim {name} lies in the future: check the clock.")
    if claims.get("aud") != app.key:
        raise BadUserToken("aud", f"The claim aud must be the app's key, {app.key!r}.")
    sub = _text(claims, "sub", 200)
    jti = _text(claims, "jti", 128)
    if not sub or not jti:
        absent = "jti" if sub else "sub"
        raise BadUserToken(absent, f"The claim {absent} is missing or empty.")
    return User(sub, jti, expires, _text(claims, "name", 100), _text(claims, "email", 254), outdated)


def _verified_claims(token: str, app: App, now: int) -> tuple[dict[str, Any], bool]:
    """And whether it was the old secret that signed them."""
    for secret in app.secrets(now):
        with suppress(_OtherSecret):
            return _signed_claims(token, secret), secret != app.secret
    raise BadUserToken("signature", "The signature does not match: it was not made with this app's secret.")


class _OtherSecret(Exception):
    """It was signed with another one."""


def _signed_claims(token: str, secret: str) -> dict[str, Any]:
    """Raises _OtherSecret, BadUserToken."""
    from joserfc import jwt
    from joserfc.errors import BadSignatureError, JoseError
    from joserfc.jwk import OctKey

    try:
        # The list of algorithms is ours: what the token's own header asks for decides nothing.
        decoded = jwt.decode(token, OctKey.import_key(secret), algorithms=["HS256"])
    except BadSignatureError:
        raise _OtherSecret from None
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as problem:
        name = type(problem).__name__
        why = f"It is no JWT that is signed with HS256 ({name}). {_hint(token)}"
        raise BadUserToken("unreadable", why) from None
    extra = set(decoded.header) - _HEADERS
    if extra:
        raise BadUserToken("header", f"The header must not have {', '.join(sorted(extra))}.")
    return dict(decoded.claims)


def _hint(token: str) -> str:
    """What is the matter with a token that cannot be read, as far as its looks tell."""
    if any(c.isspace() or c in "\"'`<>" for c in token):
        return "Give the token alone, without quotes, blanks or the word Bearer."
    parts = token.split(".")
    if len(parts) != 3:
        return f"A JWT has three parts with a point between (header.claims.signature), this has {len(parts)}: it may be cut."
    try:
        header = msgspec.json.decode(
            base64.urlsafe_b64decode(parts[0] + "=" * (-len(parts[0]) % 4)), type=dict
        )
    except (ValueError, msgspec.DecodeError, RecursionError):
        return 'Its first part is no header: JSON such as {"alg":"HS256"} in base64url, without = at the end.'
    algorithm = str(header.get("alg", "none"))[:20]
    if algorithm != "HS256":
        return f"Its header says alg {algorithm!r}: sign with HS256 and the app's secret."
    return "Its claims are no JSON object in base64url, or its header asks for what is not taken."


def _instant(claims: dict[str, Any], name: str, default: int | None) -> int:
    value = claims.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadUserToken(name, f"The claim {name} is missing, or is no whole number of seconds since 1970.")
    return value


def _text(claims: dict[str, Any], name: str, longest: int) -> str:
    value = claims.get(name, "")
    if not isinstance(value, str) or len(value) > longest:
        raise BadUserToken(name, f"The claim {name} must be text of at most {longest} characters.")
    if any("\ud800" <= c <= "\udfff" or c == "\0" for c in value):
        raise BadUserToken(name, f"The claim {name} holds half a character, or one that is none.")
    return value.strip()
