"""Mails from the outbox to a real server for mail, and what becomes of them when that one misbehaves. On both engines."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from chatserver.core.outbox import HOUR_MS, TRIED_MS, Facts, Letter
from chatserver.core.tickets import Ticket
from chatserver.loops import postman
from chatserver.loops.postman import LEASE_MS, Postman
from chatserver.mail import outgoing
from chatserver.mail.addresses import Signer
from chatserver.mail.links import links
from chatserver.mail.smtp import Line, NotSent
from chatserver.services import mails, pairing, talk, tickets
from chatserver.settings.addresses import smtp
from chatserver.store.outbox import MailStops
from chatserver.store.tables import apps
from chatserver.store.tables import outbox as table
from chatserver.store.work import Needs, Who, World
from tests.harness.mailbox import Mailbox, links_in, mailbox, text_of
from tests.services.scene import DatabaseRows, Scene, new_cid, scene_on

SIGNER = Signer(b"secreto")
ANA = Who(1, "user:ana", "Ana", "ana@example.com", "es", "America/Bogota")


@pytest.fixture
async def box(anyio_backend: str) -> AsyncIterator[Mailbox]:
    async with mailbox() as made:
        yield made


@pytest.fixture(params=["sqlite", "postgres"])
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene_on(request, tmp_path / "chat.db") as made:
        await made.app()
        await made.policy(mail=True)
        await made.agent()
        yield made


def database(scene: Scene) -> Any:
    assert isinstance(scene.rows, DatabaseRows)
    return scene.rows._db


def sender(scene: Scene, box: Mailbox, **more: Any) -> Postman:
    """Its turns are the test's."""
    given: dict[str, Any] = {"sender": "soporte@example.com", "per_hour": 1000, "answerable": True} | more
    server = smtp(given.pop("url", box.url))
    made = Postman(
        scene.house, database(scene), server, links("https://chat.example.com", SIGNER), SIGNER, **given
    )
    scene.house.metrics.mails = dict.fromkeys(("sent", "failed", "unneeded", "stopped", "again"), 0)
    return made


async def stored(scene: Scene, *columns: str) -> list[tuple[Any, ...]]:
    rows = await database(scene).rows(select(*(table.c[c] for c in columns)).order_by(table.c.id))
    return [tuple(row) for row in rows]


async def request(scene: Scene, by: Who = ANA, **more: str) -> Ticket:
    given: dict[str, Any] = {
        "cid": new_cid(),
        "subject": "Factura 12",
        "text": "No cuadra",
        "email": by.email,
        "context": "{}",
    }
    ticket = await tickets.request(scene.house, by, **(given | more))
    return await pairing.claim(scene.house, 1, ticket.id)


async def post(scene: Scene, *addresses: str, confirmed: bool = True, **more: Any) -> None:
    """A mail to each."""
    first = len(await stored(scene, "id"))

    def decide(world: World, now: int) -> None:
        for number, address in enumerate(addresses, first):
            at = {"at": now, "due_at": now, "until_at": now + TRIED_MS} | more
            world.post(Letter(f"k{number}", "test", 1, address, confirmed=confirmed, **at))

    await scene.house.store.write(Needs(), decide)


async def asked_to_reset(scene: Scene, effect: str, link: str, lasts_ms: int) -> None:
    await mails.about_account(
        scene.house,
        "reset_password",
        1,
        "ana@example.com",
        effect=effect,
        link=link,
        confirmed=True,
        lasts_ms=lasts_ms,
    )


async def until_settled(scene: Scene, made: Postman) -> None:
    """Time goes on to each moment at which there is something to do."""
    for _ in range(300):
        at = await made.turn()
        if at is None:
            return
        scene.clock.now = max(scene.clock.now, at)
    raise AssertionError("it does not come to rest")


# — in ordinary operation ——————————————————————————————————————————————————————


async def test_a_request_its_answers_and_its_end_arrive_as_one_conversation(
    scene: Scene, box: Mailbox
) -> None:
    made = sender(scene, box)
    ticket = await request(scene)
    await made.turn()
    await scene.agent_says(ticket, "Ya lo reviso")
    await scene.agent_says(ticket, "Era un permiso")
    await scene.later(600)
    await made.turn()
    await scene.agent_says(ticket, "¿Te sirvió?")
    await tickets.close(scene.house, 1, ticket.id)
    await until_settled(scene, made)
    first, second, third = box.to("ana@example.com")
    assert "No cuadra" in text_of(first)
    assert "Ya lo reviso" in text_of(second)
    assert "Era un permiso" in text_of(second)
    assert "¿Te sirvió?" in text_of(third)
    assert "Ya lo reviso" not in text_of(third), "that was told"
    assert len({str(mail["References"]) for mail in box.to("ana@example.com")}) == 1
    assert {str(mail["Subject"]) for mail in box.to("ana@example.com")} == {f"[#{ticket.number}] Factura 12"}
    assert {one.sender for one in box.arrived} == {"soporte@example.com"}
    assert await stored(scene, "outcome", "facts", "due_at") == [("sent", "{}", None)] * 3


async def test_answers_come_back_to_an_address_of_the_ticket_and_its_receiver(
    scene: Scene, box: Mailbox
) -> None:
    await database(scene).execute(update(apps).values(support_address="ayuda@acme.example"))
    await scene.refresh()
    ticket = await request(scene)
    box.hang_up = ["after"]
    await until_settled(scene, sender(scene, box))
    first, second = box.arrived
    assert first.message_id == second.message_id
    reply = str(first.mail["Reply-To"])
    assert reply == str(second.mail["Reply-To"])
    address = parseaddr(reply)[1]
    assert address.startswith("ayuda+")
    assert SIGNER.replied([address], 1, "ana@example.com") == ticket.id
    assert SIGNER.replied([address], 1, "eva@example.com") == 0
    assert SIGNER.identified([first.message_id], 1) == [ticket.id]
    assert first.sender == "ayuda@acme.example"


@pytest.mark.parametrize("known", ["the app has no address", "mail does not come in"])
async def test_where_no_answer_comes_in_none_is_asked_for(scene: Scene, box: Mailbox, known: str) -> None:
    comes_in = known != "mail does not come in"
    if not comes_in:
        await database(scene).execute(update(apps).values(support_address="ayuda@acme.example"))
        await scene.refresh()
    await request(scene)
    await until_settled(scene, sender(scene, box, answerable=comes_in))
    assert box.arrived[0].mail["Reply-To"] is None


async def test_a_mail_to_whom_no_language_of_ours_is_known_of_is_in_that_of_the_pages(
    scene: Scene, box: Mailbox
) -> None:
    made = sender(scene, box, language="en")
    for locale, key in (("", "user:1"), ("fr", "user:2"), ("pt-BR", "user:3")):
        await request(scene, Who(1, key, "", f"{key[-1]}@example.com", locale))
    await made.turn()
    found = {str(one.mail["To"]): str(one.mail["Content-Language"]) for one in box.arrived}
    assert found == {"1@example.com": "en", "2@example.com": "en", "3@example.com": "pt-BR"}


async def test_a_batch_goes_over_one_connection(scene: Scene, box: Mailbox) -> None:
    await post(scene, *(f"a{n}@x.co" for n in range(15)))
    await until_settled(scene, sender(scene, box))
    assert (len(box.arrived), box.connections) == (15, 1)


async def test_what_was_read_before_the_mail_leaves_is_not_sent(scene: Scene, box: Mailbox) -> None:
    ticket = await request(scene)
    seq = await scene.agent_says(ticket)
    await scene.later(600)
    await talk.seen(scene.house, ANA, ticket.id, seq)
    await until_settled(scene, sender(scene, box))
    assert await stored(scene, "kind", "outcome") == [("created", "sent"), ("answers", "unneeded")]
    assert len(box.arrived) == 1


async def test_whoever_wants_none_gets_what_they_ask_for_alone(scene: Scene, box: Mailbox) -> None:
    ticket = await request(scene)
    made = sender(scene, box)
    await made.turn()
    await scene.agent_says(ticket)
    await MailStops(database(scene)).stop(1, "ANA@example.com")
    await scene.later(600)
    await mails.transcript(scene.house, ANA, ticket.id, cid=new_cid())
    await until_settled(scene, made)
    assert await stored(scene, "kind", "outcome") == [
        ("created", "sent"),
        ("answers", "stopped"),
        ("transcript", "sent"),
    ]


async def test_a_link_that_is_secret_leaves_nothing_behind(scene: Scene, box: Mailbox) -> None:
    link = "https://chat.example.com/portal/password/" + "k" * 43
    await asked_to_reset(scene, "1", link, HOUR_MS)
    await until_settled(scene, sender(scene, box))
    assert link in list(links_in(box.arrived[0].mail))
    assert link not in str(await stored(scene, *table.c.keys()))


async def test_a_link_that_lasts_no_longer_is_not_sent(scene: Scene, box: Mailbox) -> None:
    await asked_to_reset(scene, "1", "https://x.co/1", 60_000)
    scene.clock.pass_seconds(61)
    await until_settled(scene, sender(scene, box))
    assert box.arrived == []
    assert await stored(scene, "outcome", "error", "facts") == [("failed", "expired", "{}")]


async def test_the_loop_hears_of_a_new_mail_at_once(scene: Scene, box: Mailbox) -> None:
    from tests.harness.waiting import soon

    async with sender(scene, box, longest_sleep_ms=10**9):
        await soon(lambda: scene.house.metrics.mails is not None, "it began")
        await post(scene, "ana@example.com")
        await soon(lambda: box.arrived, "the mail arrived")


# — caps ———————————————————————————————————————————————————————————————————————


async def test_a_stranger_gets_three_mails_an_hour_and_the_others_later(scene: Scene, box: Mailbox) -> None:
    made = sender(scene, box)
    await post(scene, *["eva@example.com"] * 5, confirmed=False)
    began = scene.clock.now
    again = await made.turn()
    assert len(box.arrived) == 3
    assert again == began + HOUR_MS
    await until_settled(scene, made)
    assert len(box.arrived) == 5
    assert len({one.message_id for one in box.arrived}) == 5


async def test_hundreds_of_requests_in_a_strangers_name_send_them_three_mails_and_nothing_later(
    scene: Scene, box: Mailbox
) -> None:
    made, link = sender(scene, box), "https://chat.example.com/x"
    for _ in range(30):
        await request(scene, Who(1, "anon:eva", "", "ana@example.com"))
    await mails.about_account(
        scene.house, "access", 1, "ana@example.com", effect="a", link=link, confirmed=False
    )
    began = scene.clock.now
    await made.turn()
    assert len(box.arrived) == 3
    assert made._house.metrics.mails is not None
    assert made._house.metrics.mails["unneeded"] == 27
    await until_settled(scene, made)
    assert scene.clock.now - began < 2 * HOUR_MS
    assert len(box.arrived) == 4
    sent = text_of(box.arrived[3].mail)
    assert link in sent
    assert "durante un día" in sent


async def test_over_the_cap_of_an_app_mails_wait_and_none_is_lost(scene: Scene, box: Mailbox) -> None:
    await scene.app(2)
    await scene.policy(2, mail=True)
    made = sender(scene, box, per_hour=4)
    await post(scene, *(f"a{n}@x.co" for n in range(10)))

    def other(world: World, now: int) -> None:
        world.post(Letter("other", "test", 2, "b@x.co", now, now, now + TRIED_MS, confirmed=True))

    await scene.house.store.write(Needs(), other)
    await made.turn()
    assert len(box.arrived) == 5, "four of the one, and the other's"
    await until_settled(scene, made)
    assert len(box.arrived) == 11


# — when it goes wrong —————————————————————————————————————————————————————————


async def test_an_address_that_is_refused_is_given_up_and_agents_see_it(scene: Scene, box: Mailbox) -> None:
    box.rcpt = lambda address: "550 5.1.1 no such user: ana@example.com" if "ana" in address else None
    ticket = await request(scene)
    await post(scene, "eva@example.com")
    made = sender(scene, box)
    await until_settled(scene, made)
    assert await stored(scene, "outcome", "error") == [
        ("failed", "refused (refused 550 5.1.1)"),
        ("sent", ""),
    ]
    assert (await scene.ticket(ticket.id)).mail_problem == "refused"
    assert len(box.arrived) == 1, "the others go on, on the same line"
    assert box.connections == 1
    box.rcpt = lambda address: None
    await tickets.close(scene.house, 1, ticket.id)
    await until_settled(scene, made)
    assert (await scene.ticket(ticket.id)).mail_problem == "", "it works again"


async def test_a_mail_that_is_refused_for_what_it_says_is_given_up(scene: Scene, box: Mailbox) -> None:
    box.data = lambda address: "554 5.7.1 looks like spam"
    await post(scene, "ana@example.com")
    await until_settled(scene, sender(scene, box))
    assert await stored(scene, "outcome", "tries") == [("failed", 1)]


async def test_a_server_that_wants_to_see_it_again_gets_it_again(scene: Scene, box: Mailbox) -> None:
    """Greylisting."""
    seen: list[str] = []

    def greylist(address: str) -> str | None:
        seen.append(address)
        return "451 4.7.1 come back later" if len(seen) < 4 else None

    box.rcpt = greylist
    await post(scene, "ana@example.com")
    began = scene.clock.now
    made = sender(scene, box)
    await until_settled(scene, made)
    (arrived,) = box.arrived
    assert await stored(scene, "outcome", "tries", "message_id") == [("sent", 4, arrived.message_id)]
    assert 7 * 45_000 <= scene.clock.now - began <= 7 * 75_000, "a minute, two, four"


async def test_what_nobody_takes_for_five_days_is_given_up_and_agents_see_it(
    scene: Scene, box: Mailbox
) -> None:
    box.rcpt = lambda address: "452 4.2.2 mailbox full"
    ticket = await request(scene)
    began = scene.clock.now
    await until_settled(scene, sender(scene, box))
    assert await stored(scene, "outcome", "error") == [("failed", "expired (later 452 4.2.2)")]
    assert (await scene.ticket(ticket.id)).mail_problem == "expired"
    assert TRIED_MS - 2 * HOUR_MS < scene.clock.now - began <= TRIED_MS


async def test_while_the_server_is_away_mails_wait_and_none_counts_as_tried(scene: Scene) -> None:
    async with mailbox() as box:
        port = box.port
    await post(scene, *(f"a{n}@x.co" for n in range(30)))
    made = sender(scene, box)
    for _ in range(10):
        at = await made.turn()
        assert at is not None
        assert scene.clock.now < at <= scene.clock.now + 60_000
        scene.clock.now = at
    assert set(await stored(scene, "outcome", "tries")) == {("", 0)}
    assert scene.house.metrics.mail_up is False
    async with mailbox(port=port) as box:
        await until_settled(scene, made)
        assert len(box.arrived) == 30
    assert scene.house.metrics.mail_up is True


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_line_that_breaks_in_the_middle_repeats_the_same_mail(
    scene: Scene, box: Mailbox, when: str
) -> None:
    box.hang_up = [when]
    await post(scene, "ana@example.com", "eva@example.com")
    await until_settled(scene, sender(scene, box))
    assert await stored(scene, "outcome") == [("sent",), ("sent",)]
    assert len(box.to("eva@example.com")) == 1
    ana = [one.message_id for one in box.arrived if one.receiver == "ana@example.com"]
    assert len(ana) == (2 if when == "after" else 1)
    assert len(set(ana)) == 1, "whoever gets it twice knows that it is the same"


async def test_a_server_that_takes_nothing_from_us_loses_no_mail(scene: Scene, box: Mailbox) -> None:
    box.mail = lambda address: "553 5.7.1 not your address"
    await post(scene, "ana@example.com")
    made = sender(scene, box)
    for _ in range(5):
        scene.clock.now = await made.turn() or 0
    assert await stored(scene, "outcome", "tries") == [("", 0)]
    box.mail = lambda address: None
    await until_settled(scene, made)
    assert len(box.arrived) == 1


async def test_a_server_that_stands_still_is_given_up_before_the_lease_ends(
    scene: Scene, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert postman.MAIL_SECONDS * 1000 * 2 < LEASE_MS
    monkeypatch.setattr(postman, "MAIL_SECONDS", 0.3)
    box.stall.clear()
    await post(scene, "ana@example.com")
    made = sender(scene, box)
    assert await made.turn() is not None
    assert await stored(scene, "outcome", "tries", "error") == [("", 1, "cut")]
    box.stall.set()
    monkeypatch.undo()
    await until_settled(scene, made)
    assert await stored(scene, "outcome") == [("sent",)]


async def test_one_mail_that_cannot_be_written_does_not_hold_up_the_others(
    scene: Scene, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = outgoing.composed

    def composed(matter: Any, *more: Any) -> Any:
        if matter.address == "bad@x.co":
            raise KeyError("a bug")
        return whole(matter, *more)

    monkeypatch.setattr(postman, "composed", composed)
    await post(scene, "bad@x.co", "ana@example.com")
    made = sender(scene, box)
    await made.turn()
    assert await stored(scene, "outcome", "error") == [("", "KeyError"), ("sent", "")]


# — who sends ——————————————————————————————————————————————————————————————————


async def test_two_postmen_send_each_mail_once(scene: Scene, box: Mailbox) -> None:
    await post(scene, *(f"a{n}@x.co" for n in range(60)))
    first, second = sender(scene, box), sender(scene, box)
    await asyncio.gather(first.turn(), second.turn())
    await until_settled(scene, first)
    assert sorted(one.receiver for one in box.arrived) == sorted(f"a{n}@x.co" for n in range(60))


async def test_two_postmen_keep_the_caps_together(scene: Scene, box: Mailbox) -> None:
    await post(scene, *["eva@example.com"] * 12, confirmed=False)
    postmen = [sender(scene, box) for _ in range(3)]
    await asyncio.gather(*(one.turn() for one in postmen))
    assert len(box.arrived) == 3


async def test_a_postman_that_died_in_between_sends_the_same_mail_again(
    scene: Scene, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken by the server, and before that could be written the process ended."""
    await post(scene, "ana@example.com")
    dying = sender(scene, box)

    async def dead(*args: Any) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(dying, "_settle", dead)
    monkeypatch.setattr(dying, "_put_back", dead)
    with pytest.raises(asyncio.CancelledError):
        await dying.turn()
    other = sender(scene, box)
    assert await other.turn() == scene.clock.now + LEASE_MS, "nobody sends it before the lease ends"
    await until_settled(scene, other)
    first, second = box.arrived
    assert first.message_id == second.message_id


async def test_a_postman_that_was_frozen_writes_nothing_late(scene: Scene, box: Mailbox) -> None:
    await post(scene, "ana@example.com")
    box.stall.clear()
    frozen, other = sender(scene, box), sender(scene, box)
    turn = asyncio.create_task(frozen.turn())
    from tests.harness.waiting import soon

    await soon(lambda: box.connections, "it is sending")
    scene.clock.now += LEASE_MS + 1
    box.stall.set()
    box.data = lambda address: "550 no"
    await turn
    before = await stored(scene, "outcome", "tries")
    assert before == [("failed", 1)], "nobody took the lease meanwhile: its word still counts"
    await until_settled(scene, other)
    assert box.arrived == []


async def test_who_ends_lets_the_mail_under_way_arrive(scene: Scene, box: Mailbox) -> None:
    from tests.harness.waiting import soon

    box.stall.clear()
    await post(scene, "ana@example.com", "eva@example.com")
    made = sender(scene, box)
    async with made:
        await soon(lambda: box.connections, "it is sending")
        asyncio.get_running_loop().call_later(0.2, box.stall.set)
    assert [one.receiver for one in box.arrived] == ["ana@example.com"]
    assert await stored(scene, "outcome", "tries", "leased_until") == [("sent", 1, None), ("", 0, None)]


# — the line ———————————————————————————————————————————————————————————————————


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Of localhost, signed by itself."""
    where = tmp_path_factory.mktemp("tls")
    key, made = where / "key.pem", where / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-keyout", str(key), "-out", str(made), "-days", "30", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost"),
        ],
        check=True,
        capture_output=True,
    )
    return key, made


def context(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(certificate[1], certificate[0])
    return made


async def fault(url: str) -> str:
    try:
        line = await Line.open(smtp(url))
    except NotSent as problem:
        return str(problem)
    await line.close()
    return ""


async def test_certificates_are_checked(certificate: tuple[Path, Path]) -> None:
    async with mailbox(tls=context(certificate)) as box:
        trusting = f"?starttls&ca={certificate[1]}"
        assert await fault(f"smtp://localhost:{box.port}{trusting}") == ""
        assert await fault(f"smtp://localhost:{box.port}?starttls") == "tls"
        assert await fault(f"smtp://127.0.0.1:{box.port}{trusting}") == "tls", "another name"
    async with mailbox(tls=context(certificate), implicit=True) as box:
        assert await fault(f"smtps://localhost:{box.port}?ca={certificate[1]}") == ""
        assert await fault(f"smtps://localhost:{box.port}") == "tls"


async def test_nothing_is_said_to_a_server_that_cannot_encipher(box: Mailbox) -> None:
    assert await fault(f"smtp://ana:right@127.0.0.1:{box.port}?starttls") == "tls"
    assert box.logins == []


async def test_a_name_and_its_password_are_shown_enciphered_only(certificate: tuple[Path, Path]) -> None:
    async with mailbox(tls=context(certificate), login=True) as box:
        base = f"localhost:{box.port}?starttls&ca={certificate[1]}"
        assert await fault(f"smtp://ana%40x.co:right@{base}") == ""
        assert (await fault(f"smtp://ana%40x.co:wrong@{base}")).startswith("login 535")
        assert set(box.logins) == {"ana@x.co"}


async def test_an_address_with_letters_of_its_own_arrives(scene: Scene, box: Mailbox) -> None:
    await post(scene, "josé@ñandú.example")
    await until_settled(scene, sender(scene, box))
    assert [one.receiver for one in box.arrived] == ["josé@xn--and-6ma2c.example"]


async def test_what_would_be_mailed_to_another_address_than_is_counted_is_not(
    scene: Scene, box: Mailbox
) -> None:
    await post(scene, *(f"victima@banco.com,{n}.com" for n in range(8)), confirmed=False)
    await until_settled(scene, sender(scene, box))
    assert box.arrived == []
    assert (
        await stored(scene, "outcome", "error") == [("failed", "refused (no header holds this address)")] * 8
    )


@pytest.mark.parametrize(
    "receiver",
    [
        "victima@banco.com,7.com",
        "Ana <victima@banco.com>",
        "victima@banco.com (7)",
        "v@b.com\r\nDATA",
        "v@b.com> X",
    ],
)
async def test_a_line_takes_one_address_whole_or_none(box: Mailbox, receiver: str) -> None:
    line = await Line.open(smtp(box.url))
    with pytest.raises(NotSent, match="refused"):
        await line.send("soporte@example.com", receiver, b"Subject: x\r\n\r\nx\r\n")
    await line.send("soporte@example.com", "ana@example.com", b"Subject: x\r\n\r\nx\r\n")
    await line.close()
    assert [one.receiver for one in box.arrived] == ["ana@example.com"]


def test_facts_are_small() -> None:
    import msgspec

    assert msgspec.json.encode(Facts()) == b"{}"
