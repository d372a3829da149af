"""Searching one's own tickets, on both engines, among many and beside other people's."""

from __future__ import annotations

import threading

import pytest

from chatserver.core import words
from chatserver.services import finding, pairing, tickets
from chatserver.services.finding import find, search, similar
from chatserver.store import tickets as stored
from chatserver.store.database import Database
from chatserver.store.work import Who
from tests.services.scene import Scene
from tests.services.test_portal import Town, town

__all__ = ["town"]
EVA = Who(1, "portal:eva", "Eva")


async def numbers(db: Database, asked: str, **more: object) -> list[int]:
    given = {"state": None, "before": 0, "limit": 10} | more
    return [t.number for t in await find(db, 1, EVA.key, asked, **given)]  # type: ignore[arg-type]


async def test_only_ones_own_tickets_of_the_app_are_found(town: Town) -> None:
    mine = await town.leaves(EVA, "Facturación de mayo")
    await town.leaves(Who(1, "portal:ana"), "Facturación de mayo")
    await town.leaves(Who(2, EVA.key), "Facturación de mayo")
    assert await numbers(town.db, "facturacion") == [mine.number]
    assert await numbers(town.db, "#1001") == [mine.number]
    assert await numbers(town.db, "1002") == []
    assert await numbers(town.db, "9" * 400) == []
    assert await stored.count_by_state(town.db, 1, EVA.key) == {"open": 1}


async def test_by_state_and_page_by_page_newest_first(town: Town) -> None:
    scene: Scene = town.scene
    await scene.agent()
    made = []
    for count in range(5):
        made.append(await town.leaves(EVA, f"Factura {count}"))
        await town.leaves(EVA, f"Otra cosa {count}")
        scene.clock.now += 1
    first = await find(town.db, 1, EVA.key, "factura", None, 0, 2)
    assert [t.id for t in first] == [made[4].id, made[3].id]
    rest = await find(town.db, 1, EVA.key, "factura", None, first[-1].id, 10)
    assert [t.id for t in rest] == [t.id for t in reversed(made[:3])]
    assert await numbers(town.db, "factura", state="closed") == []
    assert await stored.count_by_state(town.db, 1, EVA.key) == {"open": 10}
    shown = await stored.tickets_in_state(town.db, 1, EVA.key, "open", 0, 3)
    assert len(shown) == 3


async def test_a_search_ends_also_where_nothing_is_found(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "AT_ONCE", 3)
    monkeypatch.setattr(finding, "LOOKED_AT", 9)
    oldest = await town.leaves(EVA, "La primera de todas")
    for count in range(8):
        await town.leaves(EVA, f"Factura {count}")
    assert await numbers(town.db, "primera") == [oldest.number]
    await town.leaves(EVA, "Una más")
    assert await numbers(town.db, "primera") == [], "beyond what one search looks at"


async def test_words_are_found_in_what_both_sides_said_and_in_the_subject_together(town: Town) -> None:
    agent = await town.scene.agent()
    mine = await town.leaves(EVA, "Facturación de mayo")
    await town.scene.says(EVA, mine, "El número de póliza es 7731")
    other = await town.leaves(EVA, "Otra cosa")
    theirs = await town.leaves(Who(1, "portal:ana"), "Facturación de mayo")
    await town.scene.says(Who(1, "portal:ana"), theirs, "La póliza 7731")
    await pairing.claim(town.scene.house, agent, other.id)
    await town.scene.agent_says(other, "Reinicia el <b>módem</b>")
    assert await numbers(town.db, "POLIZA") == [mine.number]
    assert await numbers(town.db, "mayo 7731") == [mine.number], "one word here, the other there"
    assert await numbers(town.db, "modem") == [other.number]
    assert await numbers(town.db, "modem mayo") == [], "words of two tickets are none of one"
    assert await numbers(town.db, "poliza", state="closed") == []
    assert await numbers(town.db, "poliza", before=mine.id) == []
    assert await numbers(town.db, "hola") == [other.number, mine.number]
    assert await numbers(town.db, "agent_gone") == await numbers(town.db, "assigned") == [], (
        "events say nothing"
    )


async def test_messages_are_looked_at_from_the_latest_ticket_on_up_to_a_bound(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "TICKETS_AT_ONCE", 2)
    monkeypatch.setattr(finding, "SAID_LOOKED_AT", 5)
    monkeypatch.setattr(finding, "SAID_LETTERS", 10)
    made = []
    for _ in range(4):
        made.append(await town.leaves(EVA, "Asunto"))
        await town.scene.says(EVA, made[-1], "Impresora que no imprime")
        town.scene.clock.now += 1
    assert await numbers(town.db, "impresora") == [t.number for t in reversed(made[1:])]
    assert await numbers(town.db, "imprime") == [], "beyond what is read of a message"
    assert await numbers(town.db, "asunto") == [t.number for t in reversed(made)]


async def searched(town: Town, asked: str, apps: tuple[int, ...] = (1,), limit: int = 10) -> list[int]:
    return [t.id for t in await search(town.db, apps, asked, limit)]


async def test_agents_find_tickets_of_their_apps_in_any_state_by_number_subject_and_who_it_is(
    town: Town,
) -> None:
    eva = await town.leaves(EVA, "Facturación de mayo")
    ana = await town.leaves(Who(1, "portal:ana", "Ana Peña"), "Impresora")
    other = await town.leaves(Who(2, "portal:ana", "Ana Peña"), "Impresora")
    await tickets.end(town.scene.house, EVA, eva.id)
    for asked in (f"#{eva.number}", f" {eva.number} ", f"000{eva.number}", "FACTURACION eva", "mayo"):
        assert await searched(town, asked) == [eva.id], asked
    for asked in ("pena impresora", "Peña", ana.email.split("@")[0] + "@ peña"):
        assert await searched(town, asked) == [ana.id], asked
    assert await searched(town, "peña", (1, 2)) == [other.id, ana.id]
    assert await searched(town, "peña", (1, 2), limit=1) == [other.id]
    assert await searched(town, f"#{ana.number}", (2,)) == ([other.id] if other.number == ana.number else [])
    for nothing in ("hola", "9" * 400, "#", "x" * 5_000, "mayo impresora", "%", "_"):
        assert await searched(town, nothing) == [], nothing


async def test_an_agents_search_looks_at_the_latest_of_all_apps_and_at_any_number(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "LOOKED_AT", 4)
    monkeypatch.setattr(finding, "AT_ONCE", 1)
    made = [await town.leaves(EVA, f"Factura {count}") for count in range(5)]
    assert await searched(town, "factura") == [t.id for t in reversed(made[1:])]
    assert await searched(town, "factura", (1, 2)) == [t.id for t in reversed(made[3:])]
    assert await searched(town, str(made[0].number)) == [made[0].id]
    calls = await town.leaves(EVA, f"Otra vez lo del {made[0].number}")
    assert await searched(town, str(made[0].number)) == [made[0].id, calls.id], "the number's own comes first"
    assert await searched(town, str(made[0].number), limit=1) == [made[0].id]


async def test_nothing_is_compared_where_everybodys_messages_wait(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[int] = set()
    missing = words.missing

    def noted(text: str, asked: tuple[str, ...]) -> tuple[str, ...]:
        threads.add(threading.get_ident())
        return missing(text, asked)

    mine = await town.leaves(EVA, "Asunto")
    monkeypatch.setattr(words, "missing", noted)
    assert await numbers(town.db, "hola") == [mine.number]
    assert threads
    assert threading.get_ident() not in threads


async def test_open_tickets_of_ones_own_that_sound_alike_are_similar_the_newest_first(town: Town) -> None:
    made = []
    for subject in (
        "No puedo descargar mi factura",
        "La impresora no responde",
        "Descargar la factura de mayo",
    ):
        made.append(await town.leaves(EVA, subject))
        town.scene.clock.now += 1
    await town.leaves(Who(1, "portal:ana"), "Descargar mi factura")
    await town.leaves(Who(2, EVA.key), "Descargar mi factura")

    async def alike(subject: str) -> list[tuple[int, int, str]]:
        found = await similar(town.db, 1, EVA.key, subject)
        return [(one.id, one.number, one.subject) for one in found]

    assert await alike("descargar FACTÚRA") == [(t.id, t.number, t.subject) for t in (made[2], made[0])]
    assert await alike("no la de") == await alike("") == await alike(" f ") == []
    for count in range(finding.SIMILAR_MOST):
        await town.leaves(EVA, f"Descargar otra factura {count}")
    assert len(await alike("descargar factura")) == finding.SIMILAR_MOST


async def test_what_is_similar_is_looked_for_among_the_latest_alone(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each subject is compared where everybody's messages wait meanwhile."""
    monkeypatch.setattr(finding, "SIMILAR_AMONG", 3)
    oldest = await town.leaves(EVA, "Descargar la factura")
    for count in range(2):
        town.scene.clock.now += 1
        await town.leaves(EVA, f"Impresora {count}")
    assert [one.id for one in await similar(town.db, 1, EVA.key, "descargar factura")] == [oldest.id]
    await town.leaves(EVA, "Una más")
    assert await similar(town.db, 1, EVA.key, "descargar factura") == []
