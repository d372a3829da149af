"""Who a customer is: the host's user tokens, our own session tokens, and what neither of them can do."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from chatserver.bus.local import LocalBus
from chatserver.core.errors import Refused
from chatserver.core.people import App
from chatserver.core.policy import Policy
from chatserver.realtime.wire import CustomerHello
from chatserver.services.accounts import Accounts, CustomerIdentity
from chatserver.services.identity import BadUserToken, Session, read_user_token, session_tokens
from chatserver.settings import Settings
from chatserver.store import people
from chatserver.store.database import Database
from tests.web.conftest import START, Clock

SECRET = "the-secret-of-the-app-in-this-test-only"
APP = App(1, "demo", "Demo", (), SECRET, "", Policy(), "{}")
NOW = START // 1000


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwt(
    claims: object, secret: str = SECRET, header: dict[str, Any] | None = None, digest: str = "sha256"
) -> str:
    """Made by hand, as an attacker would: no library in between that refuses to."""
    head = b64(json.dumps(header or {"alg": "HS256", "typ": "JWT"}).encode())
    body = b64(claims if isinstance(claims, bytes) else json.dumps(claims).encode())
    signature = hmac.new(secret.encode(), f"{head}.{body}".encode(), getattr(hashlib, digest)).digest()
    return f"{head}.{body}.{b64(signature)}"


GOOD = {
    "sub": "u-17",
    "exp": NOW + 120,
    "aud": "demo",
    "jti": "one",
    "name": "Marta Rojas",
    "email": "marta@x.test",
}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in GOOD.items() if key != name}


def test_a_good_token_vouches_for_its_user() -> None:
    user = read_user_token(jwt(GOOD), APP, START)
    assert (user.key, user.name, user.email, user.jti) == ("user:u-17", "Marta Rojas", "marta@x.test", "one")


@pytest.mark.parametrize(
    "claims",
    [
        {**GOOD, "exp": NOW - 59},
        {**GOOD, "exp": NOW + 359},
        {**GOOD, "iat": NOW + 59},
        {**GOOD, "nbf": NOW + 59},
        {**GOOD, "iat": NOW - 100, "extra": {"role": "admin"}},
        without("name"),
        without("email"),
    ],
)
def test_small_differences_of_clocks_and_other_claims_do_no_harm(claims: dict[str, Any]) -> None:
    assert read_user_token(jwt(claims), APP, START).sub == "u-17"


def unsigned(alg: str) -> str:
    head, body, _ = jwt(GOOD, header={"alg": alg}).split(".")
    return f"{head}.{body}."


BAD = {
    "expired": jwt({**GOOD, "exp": NOW - 61}),
    "expired five minutes ago": jwt({**GOOD, "exp": NOW - 300}),
    "valid for too long": jwt({**GOOD, "exp": NOW + 361}),
    "valid for ever": jwt({**GOOD, "exp": 2**60}),
    "without exp": jwt(without("exp")),
    "exp as text": jwt({**GOOD, "exp": str(NOW + 120)}),
    "exp as yes": jwt({**GOOD, "exp": True}),
    "exp as a fraction": jwt({**GOOD, "exp": NOW + 0.5}),
    "exp null": jwt({**GOOD, "exp": None}),
    "not yet": jwt({**GOOD, "nbf": NOW + 61}),
    "from the future": jwt({**GOOD, "iat": NOW + 300}),
    "for another app": jwt({**GOOD, "aud": "other"}),
    "for many apps": jwt({**GOOD, "aud": ["demo", "other"]}),
    "without aud": jwt(without("aud")),
    "without sub": jwt(without("sub")),
    "empty sub": jwt({**GOOD, "sub": "  "}),
    "sub as a number": jwt({**GOOD, "sub": 17}),
    "half a character in sub": jwt({**GOOD, "sub": "\ud800"}),
    "half a character in jti": jwt({**GOOD, "jti": "\ud800"}),
    "half a character in name": jwt({**GOOD, "name": "\ud800"}),
    "sub too long": jwt({**GOOD, "sub": "u" * 201}),
    "without jti": jwt(without("jti")),
    "jti as a list": jwt({**GOOD, "jti": ["one"]}),
    "name as an object": jwt({**GOOD, "name": {"first": "Marta"}}),
    "another secret": jwt(GOOD, "another-secret-that-is-as-long-as-ours"),
    "empty secret": jwt(GOOD, ""),
    "the public key as secret": jwt(GOOD, "demo"),
    "unsigned": unsigned("none"),
    "unsigned in capitals": unsigned("NONE"),
    "signature of none": jwt(GOOD, header={"alg": "none"}),
    "HS512": jwt(GOOD, header={"alg": "HS512"}, digest="sha512"),
    "HS384": jwt(GOOD, header={"alg": "HS384"}, digest="sha384"),
    "claims to be RS256": jwt(GOOD, header={"alg": "RS256"}),
    "without alg": jwt(GOOD, header={"typ": "JWT"}),
    "unknown crit": jwt(GOOD, header={"alg": "HS256", "crit": ["x"], "x": 1}),
    "crit b64": jwt(GOOD, header={"alg": "HS256", "crit": ["b64"], "b64": True}),
    "brings a key": jwt(GOOD, header={"alg": "HS256", "jwk": {"kty": "oct", "k": b64(SECRET.encode())}}),
    "names a key address": jwt(GOOD, header={"alg": "HS256", "jku": "https://evil.test/keys"}),
    "brings a certificate": jwt(GOOD, header={"alg": "HS256", "x5c": ["MIIB"]}),
    "compressed": jwt(GOOD, header={"alg": "HS256", "zip": "DEF"}),
    "changed payload": ".".join(
        [jwt(GOOD).split(".")[0], jwt({**GOOD, "sub": "u-1"}).split(".")[1], jwt(GOOD).split(".")[2]]
    ),
    "payload is a list": jwt(["sub"]),
    "payload is no JSON": jwt(b"\xff{"),
    "deeply nested": jwt(b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"),
    "two parts": "a.b",
    "five parts": "a.b.c.d.e",
    "nothing in its parts": "..",
    "no token": "hello",
    "not ascii": "ñ.ñ.ñ",
}


@pytest.mark.parametrize("token", BAD.values(), ids=BAD.keys())
def test_any_other_token_does_not_pass_and_the_developer_is_told_why(token: str) -> None:
    with pytest.raises(BadUserToken) as bad:
        read_user_token(token, APP, START)
    assert bad.value.why.endswith(".")
    assert SECRET not in bad.value.why
    assert bad.value.reason in REASONS


REASONS = {"expired", "signature", "unreadable", "header", "aud", "exp", "nbf", "iat", "sub", "jti", "name"}
"""What a line of the log may say of one: a closed list, none of it the token's own words."""


ROTATED = replace(
    APP, secret="another-secret-of-that-app-made-today", old_secret=SECRET, old_secret_until=START + 1
)


@pytest.mark.parametrize(("secret", "outdated"), [(ROTATED.secret, False), (SECRET, True)])
def test_while_the_old_secret_is_good_either_one_vouches(secret: str, outdated: bool) -> None:
    user = read_user_token(jwt(GOOD, secret), ROTATED, START)
    assert (user.sub, user.outdated) == ("u-17", outdated)


def test_then_the_new_one_alone_does() -> None:
    now = ROTATED.old_secret_until
    assert read_user_token(jwt(GOOD, ROTATED.secret), ROTATED, now).sub == "u-17"
    with pytest.raises(BadUserToken, match="not made with this app's secret"):
        read_user_token(jwt(GOOD), ROTATED, now)


def test_no_old_secret_is_no_key_that_is_empty() -> None:
    never = replace(APP, old_secret="", old_secret_until=START + 1)
    with pytest.raises(BadUserToken):
        read_user_token(jwt(GOOD, ""), never, START)


@pytest.mark.parametrize("token", BAD.values(), ids=BAD.keys())
def test_two_good_secrets_let_nothing_else_pass(token: str) -> None:
    with pytest.raises(BadUserToken):
        read_user_token(token, ROTATED, START)


# — our own tokens —————————————————————————————————————————————————————————————


def test_our_tokens_say_what_was_signed() -> None:
    tokens = session_tokens("s" * 40)
    session = Session("demo", "user:ñandú", NOW, "Ñ" * 100, "x" * 254)
    token = tokens.sign(session)
    assert tokens.read(token) == session
    assert len(token) < 2000


@pytest.mark.parametrize(
    "token", ["", ".", "a.b", "ñ", "a" * 3000, session_tokens("t" * 40).sign(Session("demo", "a", 1))]
)
def test_what_we_did_not_sign_says_nothing(token: str) -> None:
    assert session_tokens("s" * 40).read(token) is None


def test_a_changed_token_says_nothing() -> None:
    tokens = session_tokens("s" * 40)
    token = tokens.sign(Session("demo", "user:u-17", NOW))
    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        changed = tokens.read(token[:place] + other + token[place + 1 :])
        # The last letter of base64 carries bits that nobody reads.
        assert changed is None or place == len(token) - 1


# — authentication as a whole ——————————————————————————————————————————————————


class Desk:
    """Accounts on the demo's database."""

    def __init__(self, db: Database, settings: Settings, apps: dict[str, App]) -> None:
        self.clock = Clock()
        self.apps = apps
        self.accounts = Accounts(
            db, LocalBus(), settings, secret="s" * 40, find_app=self.find, clock=self.clock
        )

    def find(self, key: str) -> App:
        if key not in self.apps:
            raise Refused("not_found")
        return self.apps[key]

    async def hello(self, app: str = "demo", **fields: str) -> CustomerIdentity:
        return await self.accounts.authenticate_customer(CustomerHello(v=1, app=app, **fields))

    async def refusal(self, **fields: str) -> str:
        with pytest.raises(Refused) as refused:
            await self.hello(**fields)
        return refused.value.code

    def user_token(self, app: str = "demo", **claims: object) -> str:
        return jwt({**GOOD, "exp": self.clock.now // 1000 + 120, "aud": app, **claims}, self.apps[app].secret)


@pytest.fixture
async def desk(settings: Settings) -> AsyncIterator[Desk]:
    db = await Database.open(settings.database_path, clock=Clock(), committed=lambda events: None)
    try:
        apps = {app.key: app for app in await people.apps(db, settings.policy)}
        yield Desk(db, settings, apps)
    finally:
        await db.close()


async def test_a_visitor_without_anything_is_somebody_new_each_time(desk: Desk) -> None:
    first, second = await desk.hello(name=" Marta ", email="Marta@X.test"), await desk.hello()
    assert first.who.key.startswith("anon:")
    assert len(first.who.key) == len("anon:") + 22
    assert first.who.key != second.who.key
    assert (first.who.name, first.who.email) == ("Marta", "Marta@x.test")


@pytest.mark.parametrize("email", ["marta", "@x.test", "marta@x.test\nbcc: all@x.test", " ", "a b@x.test"])
async def test_an_address_that_is_none_is_not_kept(desk: Desk, email: str) -> None:
    assert (await desk.hello(email=email)).who.email == ""


async def test_a_name_is_one_line_whoever_says_it(desk: Desk) -> None:
    assert (await desk.hello(name="Marta\n\x1b[31m Rojas ")).who.name == "Marta [31m Rojas"
    assert (await desk.hello(identity=desk.user_token(name="Marta\r\nRojas"))).who.name == "Marta Rojas"


async def test_a_visitor_who_brings_our_token_is_the_same_one(desk: Desk) -> None:
    first = await desk.hello()
    again = await desk.hello(token=first.token)
    assert again.who.key == first.who.key


async def test_a_visitor_who_comes_back_now_and_then_never_expires(desk: Desk) -> None:
    identity = await desk.hello()
    for _ in range(4):
        desk.clock.elapse(300 * 86_400)
        identity = await desk.hello(token=identity.token)
    desk.clock.elapse(366 * 86_400)
    assert await desk.refusal(token=identity.token) == "token_expired"


async def test_a_token_of_another_app_is_refused(desk: Desk) -> None:
    identity = await desk.hello("demo")
    assert await desk.refusal(app="horario", token=identity.token) == "unauthorized"


async def test_an_unknown_app_is_not_found(desk: Desk) -> None:
    assert await desk.refusal(app="nobody") == "not_found"


async def test_the_hosts_user_is_verified_and_keeps_being_so(desk: Desk) -> None:
    identity = await desk.hello(identity=desk.user_token(), name="Somebody Else", email="else@x.test")
    assert identity.who.key == "user:u-17"
    assert (identity.who.name, identity.who.email) == ("Marta Rojas", "marta@x.test")
    again = await desk.hello(token=identity.token, name="Somebody Else", email="else@x.test")
    assert again.who == identity.who


async def test_a_user_token_is_exchanged_once(desk: Desk) -> None:
    token = desk.user_token()
    first = await desk.hello(identity=token)
    assert await desk.refusal(identity=token) == "bad_identity"
    # Whoever holds our session for this very user may say hello again with it: a second tab, a lost connection.
    assert (await desk.hello(identity=token, token=first.token)).who.key == "user:u-17"
    other = await desk.hello(identity=desk.user_token(sub="u-18", jti="two"))
    assert await desk.refusal(identity=token, token=other.token) == "bad_identity"


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """App and reason of each line about a user token that was refused."""
    lines = [record for record in caplog.records if record.getMessage() == "a user token was refused"]
    return [(vars(record)["app"], vars(record)["reason"]) for record in lines]


async def test_why_a_user_token_is_refused_is_a_line_for_the_operator_and_the_token_is_not_in_it(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    token = desk.user_token()
    await desk.hello(identity=token)
    assert not told(caplog)
    await desk.refusal(identity=token)
    await desk.refusal(identity=jwt({**GOOD, "aud": "demo"}, "another-secret-that-is-as-long-as-ours"))
    await desk.refusal(identity="<!doctype html><h1>404 Not found</h1>")
    await desk.refusal(identity=desk.user_token(sub=42))
    await desk.refusal(identity=desk.user_token(exp=desk.clock.now // 1000 - 3600))
    await desk.refusal(app="horario", identity=desk.user_token("demo"))
    assert told(caplog) == [
        ("demo", "used"),
        ("demo", "signature"),
        ("demo", "unreadable"),
        ("demo", "sub"),
        ("demo", "expired"),
        ("horario", "signature"),
    ]
    assert all(record.levelno == logging.WARNING for record in caplog.records)
    assert token not in caplog.text


async def test_of_a_thousand_refusals_a_minute_one_line_is_written(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(1000):
        desk.clock.elapse(0.119)
        await desk.refusal(identity=desk.user_token(aud="another"))
    assert told(caplog) == [("demo", "aud")] * 2


async def test_of_two_exchanges_at_once_one_wins(desk: Desk) -> None:
    token = desk.user_token()
    outcomes = await asyncio.gather(*(desk.hello(identity=token) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(outcome, CustomerIdentity) for outcome in outcomes) == 1


async def test_a_used_token_is_remembered_for_as_long_as_it_could_pass(desk: Desk) -> None:
    token = desk.user_token()
    await desk.hello(identity=token)
    desk.clock.elapse(120 + 59)
    await desk.hello(identity=desk.user_token(jti="another"))
    assert await desk.refusal(identity=token) == "bad_identity"
    desk.clock.elapse(2)
    assert await desk.refusal(identity=token) == "token_expired"


async def test_the_same_jti_in_two_apps_is_two_tokens(desk: Desk) -> None:
    await desk.hello("demo", identity=desk.user_token("demo"))
    assert (await desk.hello("horario", identity=desk.user_token("horario"))).who.key == "user:u-17"


async def test_a_user_token_of_another_app_is_refused(desk: Desk) -> None:
    assert await desk.refusal(app="horario", identity=desk.user_token("demo")) == "bad_identity"


async def test_a_verified_session_ends_without_a_new_user_token(desk: Desk) -> None:
    identity = await desk.hello(identity=desk.user_token())
    for _ in range(2):
        desk.clock.elapse(86_400 / 2 - 1)
        identity = await desk.hello(token=identity.token)
    desk.clock.elapse(3)
    assert await desk.refusal(token=identity.token) == "token_expired"
    assert (
        await desk.hello(token=identity.token, identity=desk.user_token(jti="new"))
    ).who.key == "user:u-17"


@pytest.mark.parametrize(
    "claim",
    [
        lambda key: {"name": key, "email": "marta@x.test"},
        lambda key: {"token": key},
        lambda key: {"token": json.dumps({"app": "demo", "key": key, "expires": NOW + 999})},
        lambda key: {"identity": key},
    ],
)
async def test_an_unverified_claim_never_becomes_a_verified_user(
    desk: Desk, claim: Callable[[str], dict[str, str]]
) -> None:
    verified = await desk.hello(identity=desk.user_token())
    try:
        identity = await desk.hello(**claim(verified.who.key))
    except Refused:
        return
    assert identity.who.key.startswith("anon:")


async def test_an_app_may_take_verified_users_only(desk: Desk) -> None:
    visitor = await desk.hello()
    app = desk.apps["demo"]
    desk.apps["demo"] = replace(app, policy=replace(app.policy, identity_required=True))
    assert await desk.refusal() == "identity_required"
    assert await desk.refusal(token=visitor.token) == "identity_required"
    assert (await desk.hello(identity=desk.user_token())).who.key == "user:u-17"


async def test_a_new_secret_leaves_those_in_who_are(desk: Desk) -> None:
    identity = await desk.hello(identity=desk.user_token())
    late = desk.user_token(sub="u-18", jti="two")
    desk.apps["demo"] = replace(desk.apps["demo"], secret="another-secret-of-that-app-made-today")
    assert (await desk.hello(token=identity.token)).who.key == "user:u-17"
    assert await desk.refusal(identity=late) == "bad_identity"
    assert (await desk.hello(identity=desk.user_token(sub="u-18", jti="two"))).who.key == "user:u-18"
