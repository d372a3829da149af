"""Customers' accounts and what joins two of them, each direction tried as an attack too; on both engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from chatserver.core.answers import CC_MAX
from chatserver.core.errors import Refused
from chatserver.core.forms import Field, Form, Words
from chatserver.core.outbox import TRIED_MS
from chatserver.core.people import App
from chatserver.core.tickets import Last, Ticket, copied_said
from chatserver.realtime.views import item_views
from chatserver.services import pairing, partaking, persons, requests, talk, tickets
from chatserver.services.identity import Session, session_tokens
from chatserver.services.invitations import INVITED_SECONDS, invite
from chatserver.services.portal import LINK_SECONDS, MAILS_PER_ADDRESS, Portal
from chatserver.settings import load
from chatserver.store import companies
from chatserver.store import portal as rows
from chatserver.store import tickets as stored
from chatserver.store.database import Database
from chatserver.store.items import items_after
from chatserver.store.portal import SESSIONS_MAX, CustomerSession
from chatserver.store.postgres.database import PostgresDatabase
from chatserver.store.postgres.tries import Buckets
from chatserver.store.tables import customer_sessions, links
from chatserver.store.tables import items as items_table
from chatserver.store.work import Needs, Who, World
from tests.harness.letters import Mailbox
from tests.services.scene import Scene, new_cid, refused, scene_on

SECRET = "s" * 40
PASSWORD = "un caballo con paraguas"
OTHER_PASSWORD = "otro caballo sin paraguas"


def link_to(token: str) -> str:
    return f"https://chat.test/portal/app1/link?t={token}"


class Town:
    """A scene with two apps, the portal of the first, and everybody's mailbox."""

    def __init__(self, scene: Scene, db: Database) -> None:
        self.scene = scene
        self.db = db
        self.mail = Mailbox()
        self.portal = self.server()

    def server(self) -> Portal:
        """One of those that serve this database."""
        settings = load({"CHATSERVER_SIGN_IN_TRIES": "3", "CHATSERVER_SIGN_IN_TRIES_PER_ADDRESS": "50"})
        buckets = Buckets(self.db) if isinstance(self.db, PostgresDatabase) else None
        return Portal(self.db, self.scene.house, settings, secret=SECRET, letters=self.mail, buckets=buckets)

    def app(self, app_id: int = 1) -> App:
        return self.scene.house.people.app(app_id)

    async def asks(self, address: str, app_id: int = 1, network: str = "n") -> str:
        """For the way in; gives the token in the mail."""
        await self.portal.ask_link(self.app(app_id), address, "sign_up", "es", network, link_to)
        return self.mail.token(address.lower())

    async def signs_up(self, address: str, name: str = "Ana Ruiz", app_id: int = 1) -> CustomerSession:
        token = await self.asks(address, app_id)
        return await self.session(
            await self.portal.sign_up(self.app(app_id), token, name, PASSWORD, "es"), app_id
        )

    async def signs_in(self, address: str, password: str = PASSWORD, app_id: int = 1) -> CustomerSession:
        return await self.session(await self.portal.sign_in(self.app(app_id), address, password, "n"), app_id)

    async def session(self, token: str, app_id: int = 1) -> CustomerSession:
        found = await self.portal.session(self.app(app_id), token)
        assert found is not None
        return found

    async def from_widget(self, sub: str, app_id: int = 1) -> CustomerSession:
        """The host's user comes over from the widget."""
        return await self.session(await self.portal.enter(self.app(app_id), self.widget_token(sub)), app_id)

    def widget_token(self, sub: str, seconds: int = 3600, app: str = "app1") -> str:
        expires = self.scene.clock.now // 1000 + seconds
        return session_tokens(SECRET).sign(Session(app, f"user:{sub}", expires, sub.title()))

    async def leaves(self, who: Who, subject: str = "Una factura") -> Ticket:
        return await tickets.request(
            self.scene.house,
            who,
            cid=new_cid(),
            subject=subject,
            text="Hola",
            email="x@y.test",
            context="{}",
        )

    async def wants(self, session: CustomerSession, address: str) -> str:
        """Says that an address is theirs; gives the token of the link that was mailed there."""
        folded = await persons.add_address(self.db, session, address, self.scene.clock.now)
        return await self.portal.new_link(self.app(), folded, "confirm", session.customer.id)

    async def confirms(self, session: CustomerSession, token: str) -> str:
        link = await self.portal.link(self.app(), token)
        if link is None:
            raise Refused("token_expired")
        _, outcome = await persons.confirm_address(self.scene.house, self.db, self.app(), session, link)
        return outcome

    async def sees(self, key: str, app_id: int = 1) -> set[int]:
        """The numbers of the tickets of whoever has this key: what pages, sockets and mail go by."""
        return {t.number for t in await stored.customer_tickets(self.db, app_id, key, 0, 100)}


@pytest.fixture(params=["sqlite", "postgres"])
async def town(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Town]:
    async with scene_on(request, tmp_path / "chat.db") as scene:
        await scene.app()
        await scene.app(2)
        assert isinstance(scene.house.store, Database)
        yield Town(scene, scene.house.store)


def who_is(session: CustomerSession) -> Who:
    customer = session.customer
    return Who(customer.app_id, customer.key, customer.name, customer.email)


# — signing up and in ——————————————————————————————————————————————————————————


async def test_who_reads_the_mail_signs_up_and_comes_back_with_the_password(town: Town) -> None:
    made = await town.signs_up("Ana@Empresa.test", "  Ana   Ruiz ")
    assert (made.customer.name, made.email, made.has_password) == ("Ana Ruiz", "ana@empresa.test", True)
    back = await town.signs_in(" ANA@empresa.TEST ")
    assert back.customer == made.customer
    assert back.id != made.id


async def test_whoever_guesses_at_all_servers_has_no_more_tries_than_at_one(town: Town) -> None:
    await town.signs_up("ana@empresa.test")
    if not isinstance(town.db, PostgresDatabase):
        servers = [town.portal]  # of one file there is one
    else:
        servers = [town.server() for _ in range(3)]
    codes = []
    for guess in range(6):
        server = servers[guess % len(servers)]
        with pytest.raises(Refused) as refusal:
            await server.sign_in(town.app(), "ana@empresa.test", f"mala {guess}", "n")
        codes.append(refusal.value.code)
    assert codes == ["unauthorized"] * 3 + ["rate_limited"] * 3
    # Of another app, and of agents, nothing was counted.
    await town.signs_up("ana@empresa.test", app_id=2)
    assert (await town.signs_in("ana@empresa.test", app_id=2)).email == "ana@empresa.test"


async def test_the_address_is_in_the_mail_only_and_the_token_nowhere_in_the_database(town: Town) -> None:
    token = await town.asks("ana@empresa.test")
    (row,) = await town.db.rows(select(links))
    assert token not in str(row)
    await town.portal.sign_up(town.app(), token, "Ana", PASSWORD, "es")
    assert await town.db.rows(select(links)) == []
    (session,) = await town.db.rows(select(customer_sessions.c.token_hash))
    assert len(session[0]) == 64


async def test_a_link_is_good_once_also_when_it_is_used_twice_at_once(town: Town) -> None:
    token = await town.asks("ana@empresa.test")
    tries = await asyncio.gather(
        *(town.portal.sign_up(town.app(), token, "Ana", PASSWORD, "es") for _ in range(3)),
        return_exceptions=True,
    )
    assert [t.code for t in tries if isinstance(t, Refused)] == ["token_expired"] * 2
    assert sum(isinstance(t, str) for t in tries) == 1


async def test_a_link_ends_with_its_time_its_app_and_its_purpose(town: Town) -> None:
    token = await town.asks("ana@empresa.test")
    with refused("token_expired"):
        await town.portal.reset(town.app(), token, PASSWORD)
    with refused("token_expired"):
        await town.portal.sign_up(town.app(2), token, "Ana", PASSWORD, "es")
    with refused("token_expired"):
        await town.portal.sign_up(town.app(), token + "x", "Ana", PASSWORD, "es")
    town.scene.clock.now += LINK_SECONDS["sign_up"] * 1000
    with refused("token_expired"):
        await town.portal.sign_up(town.app(), token, "Ana", PASSWORD, "es")


async def test_every_mailed_link_is_over_three_days_after_its_mail_left_last(town: Town) -> None:
    """What stands in messages that were stored before links were masked opens nothing (mail/own_links.py)."""
    invited, asked = "i" * 43, await town.asks("bea@b.test")
    clock = town.scene.clock
    assert await invite(town.db, 1, "ana@a.test", invited, clock.now, left=False)
    clock.pass_seconds(2 * 86_400)
    assert await town.portal.link(town.app(), asked) is None
    assert await invite(town.db, 1, "ana@a.test", invited, clock.now, left=True)
    clock.pass_seconds(3 * 86_400 - 1)
    assert await town.portal.link(town.app(), invited) is not None
    clock.pass_seconds(1)
    assert await town.portal.link(town.app(), invited) is None
    assert max(*LINK_SECONDS.values(), INVITED_SECONDS) == 3 * 86_400
    assert TRIED_MS + INVITED_SECONDS * 1000 == 8 * 86_400_000


async def test_one_of_two_links_for_the_same_address_takes_the_other_with_it(town: Town) -> None:
    first, second = await town.asks("ana@empresa.test"), await town.asks("ana@empresa.test")
    await town.portal.sign_up(town.app(), second, "Ana", PASSWORD, "es")
    with refused("token_expired"):
        await town.portal.sign_up(town.app(), first, "Eva", OTHER_PASSWORD, "es")


async def test_what_is_refused_leaves_the_link_as_it_was(town: Town) -> None:
    token = await town.asks("ana@empresa.test")
    for name, password, code in (
        ("", PASSWORD, "name_required"),
        ("x" * 101, PASSWORD, "too_long"),
        ("Ana", "corta", "too_short"),
        ("Ana", "x" * 201, "too_long"),
    ):
        with refused(code):  # type: ignore[arg-type]
            await town.portal.sign_up(town.app(), token, name, password, "es")
    assert await town.portal.sign_up(town.app(), token, "Ana", PASSWORD, "es")


async def test_the_same_is_done_for_an_address_that_is_known_as_for_one_that_is_not(town: Town) -> None:
    await town.signs_up("ana@empresa.test")
    town.mail.letters.clear()
    for address in ("ana@empresa.test", "nadie@empresa.test"):
        for wish in ("sign_up", "reset"):
            before = len(await town.db.rows(select(links)))
            await town.portal.ask_link(town.app(), address, wish, "es", "n", link_to)
            assert len(await town.db.rows(select(links))) == before + 1
    assert [letter.kind for letter in town.mail.letters] == ["have_account", "reset", "sign_up", "sign_up"]


async def test_nobodys_mailbox_is_filled_by_whoever_knows_it(town: Town) -> None:
    for _ in range(MAILS_PER_ADDRESS):
        await town.asks("ana@empresa.test")
    with refused("rate_limited") as limited:
        await town.asks("ANA@empresa.test", network="another")
    assert limited.refusal is not None
    assert limited.refusal.retry_after == pytest.approx(1200, abs=1)
    await town.asks("eva@empresa.test")
    assert len(town.mail.to("ana@empresa.test")) == MAILS_PER_ADDRESS


async def test_a_wrong_password_and_an_unknown_address_are_the_same(town: Town) -> None:
    await town.signs_up("ana@empresa.test")
    for address, password in (
        ("ana@empresa.test", OTHER_PASSWORD),
        ("nadie@empresa.test", PASSWORD),
        ("no es un correo", PASSWORD),
        ("", ""),
        ("ana@empresa.test", "x" * 100_000),
    ):
        with refused("unauthorized"):
            await town.portal.sign_in(town.app(), address, password, "n")
    with refused("unauthorized"):
        await town.portal.sign_in(town.app(2), "ana@empresa.test", PASSWORD, "n")


async def test_whoever_guesses_has_to_wait_even_with_the_right_password(town: Town) -> None:
    await town.signs_up("ana@empresa.test")
    for _ in range(3):
        with refused("unauthorized"):
            await town.signs_in("ana@empresa.test", OTHER_PASSWORD)
    with refused("rate_limited"):
        await town.signs_in("ana@empresa.test")
    town.scene.clock.now += 301_000
    await town.signs_in("ana@empresa.test")


async def test_another_password_ends_all_other_sessions_and_the_links_for_yet_another(town: Town) -> None:
    first = await town.signs_up("ana@empresa.test")
    token = await town.portal.sign_in(town.app(), "ana@empresa.test", PASSWORD, "n")
    second = await town.session(token)
    await town.portal.ask_link(town.app(), "ana@empresa.test", "reset", "es", "n", link_to)
    reset = town.mail.token("ana@empresa.test")
    with refused("unauthorized"):
        await town.portal.change_password(town.app(), first, OTHER_PASSWORD, OTHER_PASSWORD, "es", "n")
    await town.portal.change_password(town.app(), first, PASSWORD, OTHER_PASSWORD, "es", "n")
    assert await town.portal.session(town.app(), token) is None
    assert second.id != first.id
    assert [letter.kind for letter in town.mail.letters][-1] == "password_changed"
    with refused("token_expired"):
        await town.portal.reset(town.app(), reset, PASSWORD)
    with refused("unauthorized"):
        await town.signs_in("ana@empresa.test", PASSWORD)
    await town.signs_in("ana@empresa.test", OTHER_PASSWORD)


async def test_a_forgotten_password_is_replaced_by_the_mailed_link_and_every_session_ends(town: Town) -> None:
    await town.signs_up("ana@empresa.test")
    held = await town.portal.sign_in(town.app(), "ana@empresa.test", PASSWORD, "n")
    await town.portal.ask_link(town.app(), "ana@empresa.test", "reset", "es", "n", link_to)
    new = await town.portal.reset(town.app(), town.mail.token("ana@empresa.test"), OTHER_PASSWORD)
    assert await town.portal.session(town.app(), held) is None
    assert (await town.session(new)).email == "ana@empresa.test"
    with refused("token_expired"):
        await town.portal.reset(town.app(), town.mail.token("ana@empresa.test"), PASSWORD)


async def test_signing_out_here_and_everywhere(town: Town) -> None:
    await town.signs_up("ana@empresa.test")
    here, there, third = [
        await town.portal.sign_in(town.app(), "ana@empresa.test", PASSWORD, "n") for _ in range(3)
    ]
    await town.portal.sign_out(await town.session(here))
    assert await town.portal.session(town.app(), here) is None
    await town.portal.sign_out(await town.session(there), everywhere=True)
    assert await town.portal.session(town.app(), third) is None


async def test_a_session_is_of_one_app_and_of_a_time(town: Town) -> None:
    await town.signs_up("ana@empresa.test")
    token = await town.portal.sign_in(town.app(), "ana@empresa.test", PASSWORD, "n")
    assert await town.portal.session(town.app(2), token) is None
    assert await town.portal.session(town.app(), "") is None
    town.scene.clock.now += town.portal.session_seconds * 1000
    assert await town.portal.session(town.app(), token) is None


async def test_sessions_of_one_customer_are_few_and_the_oldest_goes(town: Town) -> None:
    await town.signs_up("ana@empresa.test")
    tokens = [
        await town.portal.sign_in(town.app(), "ana@empresa.test", PASSWORD, "n")
        for _ in range(SESSIONS_MAX + 1)
    ]
    assert len(await town.db.rows(select(customer_sessions))) == SESSIONS_MAX
    assert await town.portal.session(town.app(), tokens[0]) is None
    assert await town.portal.session(town.app(), tokens[1]) is not None


# — from the widget ————————————————————————————————————————————————————————————


async def test_the_hosts_verified_user_comes_over_and_sees_what_the_widget_shows(town: Town) -> None:
    ticket = await town.leaves(Who(1, "user:ana", "Ana"))
    session = await town.from_widget("ana")
    assert session.customer.key == "user:ana"
    assert (session.email, session.has_password) == ("", False)
    assert await town.sees(session.customer.key) == {ticket.number}


async def test_a_session_from_the_widget_ends_when_the_hosts_word_does(town: Town) -> None:
    token = await town.portal.enter(town.app(), town.widget_token("ana", seconds=600))
    town.scene.clock.now += 599_000
    assert await town.portal.session(town.app(), token) is not None
    town.scene.clock.now += 1_000
    assert await town.portal.session(town.app(), token) is None


async def test_nobody_comes_over_whom_the_host_does_not_vouch_for(town: Town) -> None:
    expires = town.scene.clock.now // 1000 + 3600
    signer = session_tokens(SECRET)
    for token in (
        "",
        "user:ana",
        signer.sign(Session("app1", "anon:abc", expires)),
        signer.sign(Session("app1", "portal:abc", expires)),
        signer.sign(Session("app2", "user:ana", expires)),
        session_tokens("another secret of some length....").sign(Session("app1", "user:ana", expires)),
    ):
        with refused("unauthorized"):
            await town.portal.enter(town.app(), token)
    with refused("token_expired"):
        await town.portal.enter(town.app(), town.widget_token("ana", seconds=-1))


# — one person by two ways —————————————————————————————————————————————————————


async def test_a_verified_user_who_confirms_the_portals_address_has_all_tickets_in_both(town: Town) -> None:
    account = await town.signs_up("ana@empresa.test")
    by_portal = await town.leaves(who_is(account))
    by_widget = await town.leaves(Who(1, "user:ana", "Ana"))
    session = await town.from_widget("ana")
    assert await town.confirms(session, await town.wants(session, "ana@empresa.test")) == "confirmed"
    assert await town.sees("user:ana") == {by_portal.number, by_widget.number}
    back = await town.signs_in("ana@empresa.test")
    assert back.customer.key == "user:ana"
    assert await town.sees(account.customer.key) == set()


async def test_who_is_in_the_portal_and_confirms_the_verified_users_address_is_that_user(town: Town) -> None:
    session = await town.from_widget("ana")
    await town.confirms(session, await town.wants(session, "ana@trabajo.test"))
    by_widget = await town.leaves(Who(1, "user:ana", "Ana"))
    account = await town.signs_up("ana@casa.test")
    by_portal = await town.leaves(who_is(account))
    token = await town.wants(account, "ana@trabajo.test")
    assert await town.confirms(account, token) == "confirmed"
    assert await town.sees("user:ana") == {by_portal.number, by_widget.number}
    assert (await town.signs_in("ana@casa.test")).customer.key == "user:ana"
    assert (await town.signs_in("ana@trabajo.test")).customer.key == "user:ana"


async def test_two_accounts_of_one_person_become_the_one_that_asked(town: Town) -> None:
    old, new = await town.signs_up("ana@viejo.test"), await town.signs_up("ana@nuevo.test")
    first, second = await town.leaves(who_is(old)), await town.leaves(who_is(new))
    await town.confirms(new, await town.wants(new, "ana@viejo.test"))
    assert await town.sees(new.customer.key) == {first.number, second.number}
    assert (await town.signs_in("ana@viejo.test")).customer.id == new.customer.id
    addresses = await rows.addresses_of(town.db, new.customer.id)
    assert {(a.address, a.confirmed) for a in addresses} == {
        ("ana@nuevo.test", True),
        ("ana@viejo.test", True),
    }


async def test_a_link_to_make_an_account_is_no_way_into_one_that_is_there(town: Town) -> None:
    """Should the account be made while the mail with the link is on its way."""
    await town.signs_up("ana@empresa.test")
    token = await town.portal.new_link(town.app(), "ana@empresa.test", "sign_up")
    with pytest.raises(Refused) as refused:
        await town.portal.sign_up(town.app(), token, "Otra persona", OTHER_PASSWORD, "es")
    assert refused.value.code == "token_expired"
    assert (await town.signs_in("ana@empresa.test")).customer.name == "Ana Ruiz"
    with pytest.raises(Refused):
        await town.signs_in("ana@empresa.test", OTHER_PASSWORD)


async def test_tickets_that_came_by_mail_are_there_once_the_address_is_confirmed(town: Town) -> None:
    mailed = await town.leaves(Who(1, "mail:ana@empresa.test"))
    elsewhere = await town.leaves(Who(2, "mail:ana@empresa.test"))
    account = await town.signs_up("ana@empresa.test")
    assert await town.sees(account.customer.key) == {mailed.number}
    assert await town.sees("mail:ana@empresa.test", 2) == {elsewhere.number}
    later = await town.leaves(Who(1, "mail:ana@empresa.test"))
    await town.signs_in("ana@empresa.test")
    assert await town.sees(account.customer.key) == {mailed.number, later.number}


async def test_who_looks_at_a_ticket_that_moved_hears_of_it(town: Town) -> None:
    account = await town.signs_up("ana@empresa.test")
    ticket = await town.leaves(who_is(account))
    session = await town.from_widget("ana")
    await town.confirms(session, await town.wants(session, "ana@empresa.test"))
    last = town.scene.changes_of(ticket)[-1]
    assert last.before is None
    assert last.after.customer.key == "user:ana"
    assert last.after.version == ticket.version + 1
    heard = [topics for event, topics in town.scene.bus.published if event is last]
    assert "customer:1:user:ana" in heard[0]


# — the same, tried by somebody who is not that person —————————————————————————


async def test_a_claim_gives_nothing_and_keeps_nobody_from_confirming(town: Town) -> None:
    victim = await town.leaves(Who(1, "mail:ana@empresa.test"))
    evil = await town.signs_up("evil@evil.test")
    await town.wants(evil, "ana@empresa.test")
    await town.signs_in("evil@evil.test")
    assert await town.sees(evil.customer.key) == set()
    with refused("unauthorized"):
        await town.portal.sign_in(town.app(), "ana@empresa.test", PASSWORD, "n")
    ana = await town.signs_up("ana@empresa.test")
    assert await town.sees(ana.customer.key) == {victim.number}


async def test_a_victim_who_follows_an_attackers_link_gives_them_nothing(town: Town) -> None:
    """The mail reaches the victim: signed in as themselves, or not at all, they cannot use a link that the attacker asked for."""
    ana = await town.signs_up("ana@empresa.test")
    ticket = await town.leaves(who_is(ana))
    for evil in (await town.signs_up("evil@evil.test"), await town.from_widget("evil")):
        token = await town.wants(evil, "ana@empresa.test")
        with refused("token_expired"):
            await town.confirms(ana, token)
        assert await town.sees(evil.customer.key) == set()
    assert await town.sees(ana.customer.key) == {ticket.number}


async def test_a_victims_account_takes_no_address_that_an_attacker_asked_for(town: Town) -> None:
    """The attacker reads their own mailbox: it must not become a way into the victim's account."""
    ana = await town.signs_up("ana@empresa.test")
    evil = await town.signs_up("evil@evil.test")
    with refused("token_expired"):
        await town.confirms(ana, await town.wants(evil, "otra@evil.test"))
    token = await town.asks("tercera@evil.test")
    with refused("token_expired"):
        await town.confirms(ana, token)
    assert [a.address for a in await rows.addresses_of(town.db, ana.customer.id)] == ["ana@empresa.test"]


async def test_an_address_that_the_widget_merely_says_joins_nothing(town: Town) -> None:
    ana = await town.signs_up("ana@empresa.test")
    await town.leaves(who_is(ana))
    anonymous = Who(1, "anon:evil", "Ana", "ana@empresa.test")
    said = await town.leaves(anonymous)
    vouched = await town.leaves(Who(1, "user:evil", "Ana", "ana@empresa.test"))
    await town.from_widget("evil")
    await town.signs_in("ana@empresa.test")
    assert await town.sees("anon:evil") == {said.number}
    assert await town.sees("user:evil") == {vouched.number}
    assert len(await town.sees(ana.customer.key)) == 1


async def test_two_whom_the_host_vouches_for_stay_two_whoever_reads_their_mail(town: Town) -> None:
    ana, eva = await town.from_widget("ana"), await town.from_widget("eva")
    secret = await town.leaves(Who(1, "user:ana", "Ana"))
    await town.confirms(ana, await town.wants(ana, "equipo@empresa.test"))
    assert await town.confirms(eva, await town.wants(eva, "equipo@empresa.test")) == "taken"
    assert await town.sees("user:ana") == {secret.number}
    assert await town.sees("user:eva") == set()
    owner = await rows.owner_of(town.db, 1, "equipo@empresa.test")
    assert owner is not None
    assert owner.key == "user:ana"


async def test_a_mailbox_that_changed_hands_brings_no_tickets_of_before(town: Town) -> None:
    """Who left the company gave its address up and kept their tickets; whoever has the mailbox now starts with none of them."""
    before = await town.signs_up("soporte@empresa.test")
    ticket = await town.leaves(who_is(before))
    await town.confirms(before, await town.wants(before, "ana@casa.test"))
    assert await persons.make_primary(town.scene.house, town.db, before, "ana@casa.test")
    assert (await town.signs_in("ana@casa.test")).customer.email == "ana@casa.test"
    await rows.forget_address(town.db, before.customer.id, "soporte@empresa.test")
    after = await town.signs_up("soporte@empresa.test", "Eva")
    assert await town.sees(after.customer.key) == set()
    assert await town.sees(before.customer.key) == {ticket.number}
    mailed = await town.leaves(Who(1, "mail:soporte@empresa.test"))
    await town.signs_in("ana@casa.test")
    assert await town.sees(before.customer.key) == {ticket.number}
    await town.signs_in("soporte@empresa.test")
    assert await town.sees(after.customer.key) == {mailed.number}


async def test_sessions_of_the_customer_that_is_no_more_end(town: Town) -> None:
    await town.signs_up("ana@empresa.test")
    held = await town.portal.sign_in(town.app(), "ana@empresa.test", PASSWORD, "n")
    session = await town.from_widget("ana")
    await town.confirms(session, await town.wants(session, "ana@empresa.test"))
    assert await town.portal.session(town.app(), held) is None


async def test_the_accounts_own_address_cannot_be_removed_nor_an_unconfirmed_one_made_it(town: Town) -> None:
    ana = await town.signs_up("ana@empresa.test")
    await town.wants(ana, "otra@empresa.test")
    await rows.forget_address(town.db, ana.customer.id, "ana@empresa.test")
    assert not await rows.set_primary(town.db, ana.customer.id, "otra@empresa.test")
    assert not await rows.set_primary(town.db, ana.customer.id, "nadie@empresa.test")
    assert (await town.signs_in("ana@empresa.test")).email == "ana@empresa.test"


async def test_a_link_to_an_address_that_was_removed_leads_nowhere(town: Town) -> None:
    ana = await town.signs_up("ana@empresa.test")
    token = await town.wants(ana, "otra@empresa.test")
    await rows.forget_address(town.db, ana.customer.id, "otra@empresa.test")
    with refused("token_expired"):
        await town.confirms(ana, token)


async def test_addresses_of_one_customer_are_few(town: Town) -> None:
    ana = await town.signs_up("ana@empresa.test")
    for number in range(persons.ADDRESSES_MAX - 1):
        await town.wants(ana, f"ana{number}@empresa.test")
    with refused("too_many_open"):
        await town.wants(ana, "una-mas@empresa.test")
    await town.wants(ana, "ana0@empresa.test")


async def test_agents_see_another_name_at_once(town: Town) -> None:
    await town.scene.agent()
    ana = await town.signs_up("ana@empresa.test")
    chat = await town.scene.start(who_is(ana))
    await persons.save_profile(town.scene.house, ana.customer, "Ana María Ruiz", "pt")
    after = await town.scene.ticket(chat.id)
    assert (after.customer.name, after.customer.locale) == ("Ana María Ruiz", "pt")
    assert town.scene.changes_of(chat)[-1].after.customer.name == "Ana María Ruiz"
    with refused("name_required"):
        await persons.save_profile(town.scene.house, ana.customer, " \u2800 ", "pt")


# — a part in somebody else's ticket ———————————————————————————————————————————


async def copied(town: Town) -> tuple[Ticket, CustomerSession]:
    """A ticket of Ana's, and Luis who is in copy."""
    ana = await town.signs_up("ana@empresa.test")
    luis = await town.signs_up("luis@empresa.test", "Luis Mora")
    ticket = await town.scene.request(who_is(ana), email="ana@empresa.test")
    addresses = ["Luis@empresa.test", "eva@x.test"]
    return await requests.copy_to(town.scene.house, who_is(ana), ticket.id, addresses), luis


async def test_somebody_in_copy_replies_once_and_under_their_own_name(town: Town) -> None:
    ticket, luis = await copied(town)
    house, cid = town.scene.house, new_cid()
    seqs = [
        await partaking.say(house, town.db, luis.customer, ticket.id, cid, "Soy Luis", ()) for _ in range(3)
    ]
    assert len(set(seqs)) == 1
    found = await partaking.find(town.db, luis.customer, ticket.number)
    assert found is not None
    assert found.part == "copied"
    assert (found.ticket.customer_unread, found.ticket.agent_unread) == (1, ticket.agent_unread + 1)
    assert found.ticket.customer_seen == ticket.customer_seen
    items = await items_after(town.db, ticket.id, seqs[0] - 1, 9)
    assert [(item.name, item.text, item.author_id) for item in items] == [
        ("Luis Mora", "Soy Luis", luis.customer.id)
    ]
    # In the widget of the ticket's customer it is nobody's own, and nothing waits for it there.
    assert [(one.by, one.name, one.cid) for one in item_views(items, "customer")] == [
        ("system", "Luis Mora", "")
    ]
    assert [one.author for one in item_views(items, "agent")] == [luis.customer.id]
    assert found.ticket.last == Last("Luis Mora: Soy Luis", "system", items[0].at)


async def mails_in(town: Town, ticket: Ticket, address: str, app_id: int = 1) -> int:
    """Somebody answers by mail, as the customer of whom nothing but the address is known, who is given (id)."""
    house = town.scene.house
    sender = await persons.customer_with(house, app_id, f"mail:{address}", "Luis", address, "")

    def decide(world: World, now: int) -> None:
        fresh = world.ticket(ticket.id)
        assert fresh is not None
        step = copied_said(fresh, sender, "Por correo", new_cid(), now, incomplete=False)
        world.put(fresh, step, house.people.policy(1))

    await house.store.write(Needs((ticket.id,)), decide)
    return sender.id


async def own_words(town: Town, session: CustomerSession, ticket: Ticket) -> frozenset[int]:
    items = await items_after(town.db, ticket.id, 0, 99)
    return await partaking.spoken_as(town.db, session.customer, items)


async def test_what_somebody_mailed_is_their_own_once_the_address_is_confirmed(town: Town) -> None:
    ticket, luis = await copied(town)
    by_mail = await mails_in(town, ticket, "luis@empresa.test")
    by_another = await mails_in(town, ticket, "luis@casa.test")
    assert await own_words(town, luis, ticket) == {luis.customer.id, by_mail}
    token = await town.wants(luis, "luis@casa.test")
    assert await own_words(town, luis, ticket) == {luis.customer.id, by_mail}, "it is only claimed"
    assert await town.confirms(luis, token) == "confirmed"
    assert await own_words(town, luis, ticket) == {luis.customer.id, by_mail, by_another}


async def test_what_somebody_mailed_is_nobody_elses(town: Town) -> None:
    ticket, luis = await copied(town)
    await mails_in(town, ticket, "luis@empresa.test")
    await partaking.say(town.scene.house, town.db, luis.customer, ticket.id, new_cid(), "Soy Luis", ())
    eva = await town.signs_up("eva@x.test", "Eva")
    await town.wants(eva, "luis@empresa.test")
    elsewhere = await town.signs_up("luis@empresa.test", "Luis Mora", 2)
    for other in (eva, elsewhere):
        assert await own_words(town, other, ticket) == {other.customer.id}


async def test_what_somebody_said_by_an_account_that_was_united_stays_their_own(town: Town) -> None:
    ticket, luis = await copied(town)
    await partaking.say(town.scene.house, town.db, luis.customer, ticket.id, new_cid(), "Soy Luis", ())
    new = await town.signs_up("luis@nuevo.test", "Luis Mora")
    assert await own_words(town, new, ticket) == {new.customer.id}
    await town.confirms(new, await town.wants(new, "luis@empresa.test"))
    assert await own_words(town, new, ticket) == {new.customer.id, luis.customer.id}


async def test_whose_account_is_there_has_their_words_whoever_confirms_what_was_its_address(
    town: Town,
) -> None:
    ticket, luis = await copied(town)
    await partaking.say(town.scene.house, town.db, luis.customer, ticket.id, new_cid(), "Soy Luis", ())
    await town.confirms(luis, await town.wants(luis, "luis@nuevo.test"))
    # The server dies before the customer's row says so too.
    assert await rows.set_primary(town.db, luis.customer.id, "luis@nuevo.test")
    await rows.forget_address(town.db, luis.customer.id, "luis@empresa.test")
    eva = await town.signs_up("eva@x.test", "Eva")
    await town.confirms(eva, await town.wants(eva, "luis@empresa.test"))
    assert await own_words(town, eva, ticket) == {eva.customer.id}


async def test_one_client_id_is_another_message_of_each_author(town: Town) -> None:
    """Whoever they are: the ticket's customer, two in copy, and an agent whose id is that of a customer."""
    ana = await town.signs_up("ana@empresa.test")
    luis = await town.signs_up("luis@empresa.test", "Luis Mora")
    eva = await town.signs_up("eva@empresa.test", "Eva")
    house, cid = town.scene.house, new_cid()
    await town.scene.agent(luis.customer.id)
    ticket = await town.scene.request(who_is(ana), email="ana@empresa.test")
    await requests.copy_to(house, who_is(ana), ticket.id, ["luis@empresa.test", "eva@empresa.test"])
    await pairing.claim(house, luis.customer.id, ticket.id)

    async def everybody() -> list[int]:
        return [
            await talk.say(house, who_is(ana), ticket.id, cid, "Ana"),
            await partaking.say(house, town.db, luis.customer, ticket.id, cid, "Luis", ()),
            await partaking.say(house, town.db, eva.customer, ticket.id, cid, "Eva", ()),
            await talk.say_as_agent(house, luis.customer.id, ticket.id, cid, "El agente"),
        ]

    first = await everybody()
    assert len(set(first)) == 4
    assert await everybody() == first


async def test_what_somebody_in_copy_said_as_it_was_stored_at_first_is_theirs_too(town: Town) -> None:
    ticket, luis = await copied(town)
    seq = await partaking.say(town.scene.house, town.db, luis.customer, ticket.id, new_cid(), "Soy Luis", ())
    await town.db.execute(
        update(items_table)
        .where(items_table.c.ticket_id == ticket.id, items_table.c.seq == seq)
        .values(by="customer")
    )
    (item,) = await items_after(town.db, ticket.id, seq - 1, 9)
    assert (item.by, item.name) == ("system", "Luis Mora")


async def test_what_somebody_in_copy_says_ends_the_waiting_but_not_for_what_is_missing(town: Town) -> None:
    ticket, luis = await copied(town)
    house, agent = town.scene.house, await town.scene.agent()
    await pairing.claim(house, agent, ticket.id)
    await requests.pend(house, agent, ticket.id)
    seq = await partaking.say(house, town.db, luis.customer, ticket.id, new_cid(), "Soy Luis", ())
    resumed, said = await items_after(town.db, ticket.id, seq - 2, 9)
    assert (resumed.kind, resumed.by, resumed.name) == ("resumed", "system", "Luis Mora")
    assert said.text == "Soy Luis"
    await requests.send_back(house, agent, ticket.id, ["company"])
    await partaking.say(house, town.db, luis.customer, ticket.id, new_cid(), "Y esto", ())
    assert (await town.scene.ticket(ticket.id)).state == "pending"


async def test_where_nothing_can_be_completed_any_more_somebody_in_copy_ends_the_waiting(town: Town) -> None:
    ticket, luis = await copied(town)
    house, agent = town.scene.house, await town.scene.agent()
    await pairing.claim(house, agent, ticket.id)
    await town.scene.form(Form(fields=(Field("version", "text", Words("Versión", "Version", "Versão")),)))
    await requests.send_back(house, agent, ticket.id, ["version"])
    await town.scene.form(Form())
    await partaking.say(house, town.db, luis.customer, ticket.id, new_cid(), "Es la 4", ())
    assert (await town.scene.ticket(ticket.id)).state == "open"


async def test_who_is_in_no_copy_or_in_none_any_more_says_nothing(town: Town) -> None:
    ticket, luis = await copied(town)
    eva = await town.signs_up("otra@empresa.test")
    house = town.scene.house
    with refused("not_found"):
        await partaking.say(house, town.db, eva.customer, ticket.id, new_cid(), "Hola", ())
    assert await partaking.find(town.db, eva.customer, ticket.number) is None
    # A chat is between its customer and an agent.
    await town.scene.agent()
    live = await town.scene.start(who_is(await town.signs_in("ana@empresa.test")))
    await requests.copy_to(house, Who(1, live.customer.key), live.id, ["luis@empresa.test"])
    with refused("ticket_live"):
        await partaking.say(house, town.db, luis.customer, live.id, new_cid(), "Hola", ())


async def test_copies_are_added_once_and_ten_in_all(town: Town) -> None:
    ana = await town.signs_up("ana@empresa.test")
    ticket = await town.scene.request(who_is(ana), email="ana@empresa.test")
    house = town.scene.house
    for _ in range(2):
        ticket = await requests.copy_to(
            house, who_is(ana), ticket.id, ["eva@x.test", "EVA@x.test", "ana@empresa.test"]
        )
    assert ticket.details.cc == ("eva@x.test",)
    told = [(i.kind, i.by, i.text) for change in town.scene.changes_of(ticket) for i in change.items][-1]
    assert told == ("copied", "customer", "eva@x.test"), "and not a second time"
    for typed in (["nadie"], [f"p{number}@x.test" for number in range(CC_MAX)]):
        with refused("bad_form"):
            await requests.copy_to(house, who_is(ana), ticket.id, typed)
    with refused("not_found"):
        await requests.copy_to(house, Who(1, "anon:z"), ticket.id, ["leo@x.test"])


async def test_a_company_sees_what_its_people_have_and_only_by_confirmed_addresses(town: Town) -> None:
    ana = await town.signs_up("ana@empresa.test")
    boss = await town.signs_up("jefa@empresa.test")
    user = await town.from_widget("7")
    eva = await town.signs_up("eva@evil.test")
    await persons.add_address(town.db, eva, "leo@empresa.test", 1)  # says so, and confirms nothing
    mine = await town.scene.request(who_is(ana), email="ana@empresa.test")
    hosts = await town.scene.request(who_is(user), email="x@y.test")
    await companies.change(
        town.db,
        1,
        "Empresa",
        add=["ana@empresa.test", "user:7", "leo@empresa.test"],
        sees=["jefa@empresa.test"],
        remove=(),
        now=1,
    )
    assert set(await partaking.seen_customers(town.db, boss.customer)) == {
        ana.customer.id,
        user.customer.id,
        boss.customer.id,
    }
    whose = await partaking.seen_customers(town.db, boss.customer)
    shown = await stored.tickets_of(town.db, 1, whose, None, 0, 10)
    assert [one.id for one in shown] == [hosts.id, mine.id]
    assert [one.id for one in await stored.tickets_of(town.db, 1, whose, "open", hosts.id, 10)] == [mine.id]
    assert await stored.tickets_of(town.db, 2, whose, None, 0, 10) == []
    assert await stored.count_of(town.db, 1, whose) == {"open": 2}
    assert await partaking.seen_customers(town.db, ana.customer) == []
    found = await partaking.find(town.db, boss.customer, mine.number)
    assert found is not None
    assert found.part == "company"
    assert await companies.listed(town.db, 1) == [
        ("Empresa", "jefa@empresa.test", True),
        ("Empresa", "ana@empresa.test", False),
        ("Empresa", "leo@empresa.test", False),
        ("Empresa", "user:7", False),
    ]
