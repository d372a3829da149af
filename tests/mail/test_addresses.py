"""Signed addresses and Message-IDs: ours are known by whatever way they come back, nobody else's pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.mail.addresses import LOCAL_MAX, Signer

SIGNER = Signer(b"secreto")
SUPPORT = "soporte@example.com"
TICKET = 6_912_345_678_901_234
ANA = "ana@example.com"


def replied(address: str, app_id: int = 1, person: str = ANA) -> int:
    return SIGNER.replied([address], app_id, person)


@given(st.integers(1, 2**40), st.integers(1, 2**53 - 1), st.emails())
def test_an_answer_finds_its_ticket(app_id: int, ticket_id: int, person: str) -> None:
    address = SIGNER.reply_address(SUPPORT, app_id, ticket_id, person)
    local, _, domain = address.partition("@")
    assert domain == "example.com"
    assert len(local) <= LOCAL_MAX
    assert address == address.lower()
    assert replied(address, app_id, person) == ticket_id
    assert replied(address, app_id, person.upper() if person.isascii() else person) == ticket_id


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
def test_what_servers_do_to_an_address_does_no_harm(way: Callable[[str], str]) -> None:
    address = SIGNER.reply_address(SUPPORT, 1, TICKET, "Ana@Example.com")
    assert replied(way(address)) == TICKET


@pytest.mark.parametrize(
    ("mailed", "answers"),
    [("ana@correo.ñandú.cl", "ana@correo.xn--and-6ma2c.cl"), ("Ana@Ñandú.cl", "ana@ñandú.cl")],
)
def test_a_person_is_known_by_either_writing_of_their_domain(mailed: str, answers: str) -> None:
    address = SIGNER.reply_address(SUPPORT, 1, TICKET, mailed)
    assert replied(address, person=answers) == TICKET
    assert SIGNER.sent_to(SIGNER.message_id(1, TICKET, "a", mailed, "example.com"), answers)


def test_a_token_is_for_one_ticket_one_person_one_app_one_house() -> None:
    address = SIGNER.reply_address(SUPPORT, 1, TICKET, ANA)
    assert replied(address, person="eva@example.com") == 0
    assert replied(address, app_id=2) == 0
    assert Signer(b"otro").replied([address], 1, ANA) == 0
    other = SIGNER.reply_address(SUPPORT, 1, TICKET + 2**20, ANA)
    mixed = other[: len("soporte+") + 11] + address[len("soporte+") + 11 :]
    assert replied(mixed) == 0, "another ticket under the proof of this one"


@given(st.integers(0, 27), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_one_other_letter_and_a_reply_address_is_nobodys(place: int, letter: str) -> None:
    address = SIGNER.reply_address(SUPPORT, 1, TICKET, ANA)
    at = len("soporte+") + place
    other = address[:at] + letter + address[at + 1 :]
    assert other == address or replied(other) == 0


@pytest.mark.parametrize(
    "address",
    [
        *("", "@", SUPPORT, "soporte+1042@example.com", "soporte+aaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        "soporte+aaaaaaaaaaaaaaaaaaaaaaaaaaaa@example.com",
        "soporte+aaaaaaaaaaaaaaaaaaaaaaaaaaaa@a@b",
        "soporte+" + "a" * 400 + "@example.com",
        "soporte+١aaaaaaaaaaaaaaaaaaaaaaaaaaa@example.com",
    ],
)
def test_other_addresses_say_nothing(address: str) -> None:
    assert replied(address) == 0


@given(st.text(max_size=200))
def test_nothing_that_is_read_fails_or_passes(text: str) -> None:
    assert replied(text) == 0
    assert replied(f"soporte+{text}@example.com") == 0
    assert SIGNER.identified([text, f"{text}.x@example.com"], 1) == []
    assert not SIGNER.made(text, 1)
    assert not SIGNER.sent_to(text, ANA)
    assert SIGNER.read_stop_token(1, text) is None


def test_an_address_too_long_for_a_token_stays_as_it_is() -> None:
    long = f"{'a' * 60}@example.com"
    assert SIGNER.reply_address(long, 1, TICKET, ANA) == long
    again = SIGNER.reply_address("soporte+es@example.com", 1, TICKET, ANA)
    assert again == SIGNER.reply_address(SUPPORT, 1, TICKET, ANA)


def test_a_message_id_is_the_same_each_time_and_another_for_each_mail() -> None:
    first, other, again = (SIGNER.message_id(1, TICKET, effect, ANA, "example.com") for effect in "aba")
    assert first == again != other
    assert first.startswith("<")
    assert first.endswith("@example.com>")
    assert len(first) < 78
    for way in (str.upper, lambda n: n.strip("<>"), lambda n: f"  {n}\r\n"):
        assert SIGNER.identified([way(first)], 1) == [TICKET]


def test_a_message_id_cannot_be_made_up() -> None:
    """As in CVE-2026-47123, where a guessed one turned a stranger's mail into an agent's answer."""
    one = SIGNER.message_id(1, TICKET, "a", ANA, "example.com")
    other = SIGNER.message_id(1, TICKET + 1, "b", "eva@x.co", "example.com")
    token, name = one.strip("<").split(".")[0], one.partition(".")[2]
    assert SIGNER.identified([f"<{other.strip('<').split('.')[0]}.{name}"], 1) == []
    assert SIGNER.identified([f"<{token}.{other.partition('.')[2]}"], 1) == []
    assert SIGNER.identified([one], 2) == []
    assert Signer(b"otro").identified([one], 1) == []
    assert SIGNER.replied([f"soporte+{token}@example.com"], 1, ANA) == 0, "it is no address"


def test_a_mail_says_to_whom_it_went() -> None:
    one = SIGNER.message_id(1, TICKET, "a", "Ana@example.com", "example.com")
    assert SIGNER.sent_to(one.strip("<>"), ANA)
    assert not SIGNER.sent_to(one, "eva@x.co")


def test_a_mail_about_no_ticket_is_ours_too() -> None:
    one = SIGNER.message_id(1, 0, "access", ANA, "example.com")
    assert SIGNER.made(one, 1)
    assert not SIGNER.made(one, 2)
    assert SIGNER.identified([one], 1) == []


def test_all_mails_to_somebody_about_a_ticket_refer_to_one() -> None:
    mine = SIGNER.thread_id(1, TICKET, "Ana@example.com", "example.com")
    assert mine == SIGNER.thread_id(1, TICKET, ANA, "example.com")
    others = [
        SIGNER.thread_id(1, TICKET, "eva@x.co", "example.com"),
        SIGNER.thread_id(1, TICKET + 1, ANA, "example.com"),
    ]
    assert mine not in others
    assert SIGNER.identified([mine], 1) == [TICKET], "an answer may name that one alone"


def test_a_link_that_ends_mail_is_of_one_address_and_app() -> None:
    token = SIGNER.stop_token(1, "Ana@Éxample.com")
    assert SIGNER.read_stop_token(1, token) == "Ana@Éxample.com"
    assert SIGNER.read_stop_token(2, token) is None
    named, _, proof = token.partition(".")
    other = SIGNER.stop_token(1, "eva@x.co").partition(".")[0]
    for wrong in (f"{other}.{proof}", named, f"{named}.", f"{named}.{proof[:-2]}", f".{proof}", "%00.%00"):
        assert SIGNER.read_stop_token(1, wrong) is None
    for used in (SIGNER.reply_address(SUPPORT, 1, TICKET, ANA), SIGNER.message_id(1, 0, "a", ANA, "x.co")):
        (cut,) = [
            one
            for one in used.replace("@", "+").replace("<", "").replace(".", "+").split("+")
            if len(one) == 28
        ]
        assert SIGNER.read_stop_token(1, f"{SIGNER.stop_token(1, ANA).partition('.')[0]}.{cut}") is None
