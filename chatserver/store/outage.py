"""A database that answers no questions: said once when that begins and once when it is over, however many ask meanwhile."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final

log = logging.getLogger(__name__)

CALM_SECONDS: Final = 5.0
"""Without a question that failed, until an outage is over: while a server hangs or is overrun, some are answered in between."""


class Outage:
    """`with outage:` around each question. `is_away`: whether what it raised means that nobody answers. `now`: monotonic
    seconds."""

    def __init__(
        self, is_away: Callable[[BaseException], bool], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._is_away = is_away
        self._now = now
        self._failed_at: float | None = None

    @property
    def goes_on(self) -> bool:
        return self._failed_at is not None

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if problem is None:
            if self._failed_at is not None and self._now() - self._failed_at > CALM_SECONDS:
                self._failed_at = None
                log.warning("reading again")
        elif self._is_away(problem):
            if self._failed_at is None:
                log.error("cannot read, the database does not answer: %s", type(problem).__name__)
            self._failed_at = self._now()
