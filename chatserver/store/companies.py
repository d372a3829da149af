"""Companies of an app's customers: who is of which one, and who of them may see the tickets of all.

A person is named by a confirmed address, folded, or by the key of a user whom the host vouches for (`user:<sub>`). Whoever merely
claims an address is nobody here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Executable, bindparam, delete, insert, select, union

from chatserver.store.database import Database, Reader
from chatserver.store.portable import insert_or_not, one_of
from chatserver.store.tables import addresses, companies, company_people, customers


class Person(NamedTuple):
    company: str
    person: str
    """Empty: the company has nobody."""
    sees: bool


_c, _p = companies.c, company_people.c
_here = _p.app_id == bindparam("app_id")
_LISTED = (
    select(_c.name, _p.person, _p.sees)
    .outerjoin(company_people, _p.company_id == _c.id)
    .where(_c.app_id == bindparam("app_id"))
    .order_by(_c.name, _p.sees.desc(), _p.person)
)
_GIVEN = (
    select(_c.id, _c.name)
    .join(company_people, _p.company_id == _c.id)
    .where(_here, _p.sees == 1, one_of(_p.person, "persons"))
    .distinct()
    .order_by(_c.id)
)
_of_them = one_of(_p.company_id, "companies")
_MEMBERS = union(
    select(addresses.c.customer_id)
    .join(company_people, (_p.app_id == addresses.c.app_id) & (_p.person == addresses.c.address))
    .where(_here, _of_them, addresses.c.confirmed_at.is_not(None)),
    select(customers.c.id)
    .join(company_people, (_p.app_id == customers.c.app_id) & (_p.person == customers.c.key))
    .where(_here, _of_them),
)


async def listed(db: Reader, app_id: int) -> list[Person]:
    """All companies of an app with their people, those who see first."""
    return [
        Person(name, person or "", bool(sees)) for name, person, sees in await db.rows(_LISTED, app_id=app_id)
    ]


async def given(db: Reader, app_id: int, persons: Sequence[str]) -> list[tuple[int, str]]:
    """(id, name) of the companies whose tickets somebody may see who is all of `persons`."""
    return [(row[0], row[1]) for row in await db.rows(_GIVEN, app_id=app_id, persons=list(persons))]


async def members(db: Reader, app_id: int, company_ids: Sequence[int]) -> list[int]:
    """The customers who are of these companies."""
    rows = await db.rows(_MEMBERS, app_id=app_id, companies=list(company_ids))
    return [int(row[0]) for row in rows]


async def change(
    db: Database,
    app_id: int,
    name: str,
    *,
    add: Iterable[str],
    sees: Iterable[str],
    remove: Iterable[str],
    now: int,
) -> None:
    """The company is there then. `add`: of it, without the view; `sees`: of it, with the view; who was of another one is of this
    one from now on. A company without anybody is forgotten."""
    its = select(_c.id).where(_c.app_id == app_id, _c.name == name).scalar_subquery()
    statements: list[Executable] = [insert_or_not(companies, app_id=app_id, name=name, created_at=now)]
    for person, may in {**dict.fromkeys(add, 0), **dict.fromkeys(sees, 1)}.items():
        mine = (_p.app_id == app_id, _p.person == person)
        statements += [
            delete(company_people).where(*mine),
            insert(company_people).values(app_id=app_id, person=person, company_id=its, sees=may),
        ]
    for person in remove:
        statements.append(
            delete(company_people).where(_p.app_id == app_id, _p.person == person, _p.company_id == its)
        )
    left = select(_p.company_id).where(_p.app_id == app_id)
    statements.append(delete(companies).where(_c.app_id == app_id, _c.id.not_in(left)))
    await db.execute(*statements)
