"""Signed addresses and Message-IDs: ours are known by whatever way they come back, nobody else's pass."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.core.people import App
from chatserver.core.policy import Policy
from chatserver.mail import addresses
from chatserver.mail.addresses import (
    MessageId,
    Reply,
    message_id,
    read_message_id,
    read_reply_address,
    read_stop_token,
    reply_address,
    stop_token,
    thread_id,
)


def app(number: int = 1, secret: str = "s" * 43) -> App:
    return App(number, f"app{number}", "Acme", (), secret, "", Policy(), "{}")


ACME = app()
SUPPORT = "soporte@example.com"


def read(text: str) -> Reply:
    found = read_reply_address(text)
    assert found is not None
    return found


def read_id(text: str) -> MessageId:
    found = read_message_id(text)
    assert found is not None
    return found


@given(st.integers(1, 2**53), st.integers(1, 10**8), st.emails())
def test_an_answer_finds_its_ticket(app_id: int, number: int, receiver: str) -> None:
    of = app(app_id)
    address = reply_address(of, number, receiver, SUPPORT)
    local, _, domain = address.partition("@")
    assert domain == "example.com"
    assert len(local) <= addresses.LOCAL_MAX
    reply = read(address)
    assert (reply.app_id, reply.number) == (app_id, number)
    assert reply.proves(of, receiver)


@pytest.mark.parametrize(
    "way",
    [
        str.upper,
        str.swapcase,
        lambda a: f"<{a}>",
        lambda a: f' "{a.partition("@")[0]}"@{a.partition("@")[2]} ',
        lambda a: a.replace("+", "\\+"),
        lambda a: a.replace("example.com", "mx7.provider.example"),
        lambda a: a.replace("soporte+", "=?anything+"),
    ],
)
def test_what_servers_do_to_an_address_does_no_harm(way: object) -> None:
    address = reply_address(ACME, 1042, "Ana@Example.com", SUPPORT)
    assert callable(way)
    assert read(way(address)).proves(ACME, "ana@example.com")


def test_a_proof_is_for_one_ticket_one_receiver_one_app() -> None:
    reply = read(reply_address(ACME, 1042, "ana@example.com", SUPPORT))
    assert not reply.proves(ACME, "eva@example.com")
    assert not reply.proves(app(secret="t" * 43), "ana@example.com")
    assert not reply.proves(app(2), "ana@example.com")
    for other in (
        Reply(1, 1043, reply.proof),
        Reply(1, 1042, reply.proof[::-1]),
        Reply(2, 1042, reply.proof),
    ):
        assert not any(other.proves(of, "ana@example.com") for of in (ACME, app(2)))


@pytest.mark.parametrize(
    "address",
    [
        *("", "@", "soporte@example.com", "soporte+1042@example.com", "soporte+1.1042.@example.com"),
        "soporte+1.1042.aaaaaaaaaaaaaaa1@example.com",
        "soporte+1.-42.aaaaaaaaaaaaaaaa@example.com",
        "soporte+1.1042.aaaaaaaaaaaaaaaa",
        "soporte+1.1042.aaaaaaaaaaaaaaaa@a@b",
        "soporte+" + "9" * 400 + ".1.aaaaaaaaaaaaaaaa@example.com",
        "soporte+١.1042.aaaaaaaaaaaaaaaa@example.com",
    ],
)
def test_other_addresses_say_nothing(address: str) -> None:
    found = read_reply_address(address)
    assert found is None or not found.proves(ACME, "ana@example.com")


@given(st.text(max_size=200))
def test_nothing_that_is_read_fails_or_passes(text: str) -> None:
    reply, named, stopped = read_reply_address(text), read_message_id(text), read_stop_token(ACME, text)
    assert reply is None or not reply.proves(ACME, "ana@example.com")
    assert named is None or not named.proves(ACME)
    assert stopped is None


def test_an_address_too_long_for_a_token_stays_as_it_is() -> None:
    long = f"{'a' * 60}@example.com"
    assert reply_address(ACME, 1042, "ana@example.com", long) == long
    assert reply_address(ACME, 1042, "a@x.co", "soporte+es@example.com").startswith("soporte+1.1042.")


def test_a_message_id_is_the_same_each_time_and_another_for_each_mail() -> None:
    names = [message_id(ACME, 1042, effect, "example.com") for effect in ("a", "b", "a")]
    assert names[0] == names[2] != names[1]
    assert names[0].startswith("<ticket.1042.")
    assert names[0].endswith("@example.com>")
    for way in (str.upper, lambda n: n.strip("<>"), lambda n: f"  {n}\r\n"):
        found = read_id(way(names[0]))
        assert (found.number, found.proves(ACME)) == (1042, True)


def test_a_message_id_cannot_be_made_up() -> None:
    """As in CVE-2026-47123, where a guessed one turned a stranger's mail into an agent's answer."""
    found = read_id(message_id(ACME, 1042, "a", "example.com"))
    assert not MessageId(1043, found.which, found.proof).proves(ACME)
    assert not MessageId(1042, found.which[::-1], found.proof).proves(ACME)
    assert not found.proves(app(secret="t" * 43))
    assert not found.proves(app(2))


def test_all_mails_to_somebody_about_a_ticket_refer_to_one() -> None:
    mine = thread_id(ACME, 1042, "Ana@example.com", "example.com")
    assert mine == thread_id(ACME, 1042, "ana@example.com", "example.com")
    others = [
        thread_id(ACME, 1042, "eva@x.co", "example.com"),
        thread_id(ACME, 1043, "ana@example.com", "example.com"),
    ]
    assert mine not in others
    assert read_id(mine).proves(ACME), "an answer may name that one alone"


def test_a_link_that_ends_mail_is_of_one_address_and_app() -> None:
    token = stop_token(ACME, "Ana@Éxample.com")
    assert read_stop_token(ACME, token) == "Ana@Éxample.com"
    assert read_stop_token(app(2), token) is None
    named, _, proof = token.partition(".")
    other = stop_token(ACME, "eva@x.co").partition(".")[0]
    for wrong in (f"{other}.{proof}", named, f"{named}.", f"{named}.{proof[:-1]}", f".{proof}", "%00.%00"):
        assert read_stop_token(ACME, wrong) is None
