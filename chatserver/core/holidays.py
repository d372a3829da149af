"""The public holidays of a country, by name: a thin, cached door to the `holidays` library.

The library takes some 0.2 s to import, so it is imported by the first question that needs it, never at start.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from functools import lru_cache

_CODE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")


def holiday_name(code: str, date: datetime.date) -> str | None:
    """The name of the public holiday that `date` is in `code`, or None on a day that is none.

    `code` is an ISO 3166 country ("CO") or subdivision ("CL-RM"); "" has no holidays. The name is the
    official one in Spanish, or in the country's own language where the library has no Spanish. The days are
    those on which people do not work (a movable Colombian feast is its Monday). Raises ValueError for a code
    that `code_problem` objects to.
    """
    if not code:
        return None
    return _of_year(code, date.year).get(date)


def code_problem(code: str) -> str | None:
    """Why `code` cannot be used: "country_unknown" or "subdivision_unknown"; None when it can (also "")."""
    if not code:
        return None
    country, _, subdivision = code.partition("-")
    # The shape first: the library looks names up as attributes of itself, and it has others than countries.
    if _CODE.fullmatch(code) is None:
        return "country_unknown"
    import holidays

    subdivisions = holidays.list_supported_countries().get(country)
    if subdivisions is None:
        return "country_unknown"
    return "subdivision_unknown" if subdivision and subdivision not in subdivisions else None


@lru_cache(maxsize=512)
def _of_year(code: str, year: int) -> Mapping[datetime.date, str]:
    problem = code_problem(code)
    if problem is not None:
        raise ValueError(f"holidays {code!r}: {problem}")
    import holidays

    country, _, subdivision = code.partition("-")
    entity = getattr(holidays, country)
    # Always a stated language: left alone, the library would ask the machine's locale.
    language = "es" if "es" in entity.supported_languages else entity.default_language
    found = holidays.country_holidays(country, subdiv=subdivision or None, years=year, language=language)
    return dict(found.items())
