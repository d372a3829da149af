"""Logging: one line per event, JSON unless at a terminal. Texts of messages, tokens and passwords are never logged, and so
neither are the words of an exception: a database quotes the row that it refuses, a parser the frame.

Log a name and its facts: `log.info("session ended", extra={"session": 7})`.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Protocol, TextIO, TypeVar

# What every record has by itself; whatever else it has came from `extra`.
_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


log = logging.getLogger(__name__)

T = TypeVar("T")


class Traced(Protocol):
    """Of a class, one that does the same and is traced (`watching/tracing.py`)."""

    def __call__(self, kind: type[T], /) -> type[T]: ...


def untraced(kind: type[T], /) -> type[T]:
    """The class itself: where nobody collects traces nothing is made, asked or imported for them."""
    return kind


_here: dict[str, int] = {}


def is_node(node: int) -> None:
    """From now on each JSON line says which of several nodes this is."""
    _here["node"] = node


def set_up(level: str, form: str, stream: TextIO | None = None) -> None:
    """Send all logs to `stream` (stderr). `form`: "json", "text", or "auto" (JSON unless the stream is a terminal)."""
    stream = stream or sys.stderr
    as_json = form == "json" or (form == "auto" and not stream.isatty())
    handler = Lines(stream)
    handler.setFormatter(JsonLines() if as_json else PlainLines())
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "alembic"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    # A line per request or socket tells nothing that a proxy's log does not, and has addresses of customers in it. Debugging us
    # must not print the rows and frames that libraries see.
    for name in ("uvicorn", "sqlalchemy", "aiosqlite", "websockets", "asyncio", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


def take_last_words() -> None:
    """What nobody caught, on the way out or in a thread of its own, is logged like anything else: Python itself would print its
    words. For a whole process, once `set_up` has said where to."""

    def uncaught(
        kind: type[BaseException], problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt | SystemExit):
            return
        log.critical("nobody caught this", exc_info=(kind, problem or kind(), trace))

    sys.excepthook = uncaught
    sys.unraisablehook = lambda told: uncaught(told.exc_type, told.exc_value, told.exc_traceback)
    threading.excepthook = lambda told: uncaught(told.exc_type, told.exc_value, told.exc_traceback)


def facts(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in vars(record).items() if key not in _USUAL}


def without_text(problem: BaseException) -> str:
    """Where it happened and of which type it is, with what it came of; never its own words. SQLSTATE and the system's reason
    quote nobody."""
    return _told(problem, set())


def _told(problem: BaseException, known: set[int]) -> str:
    """`known`: who is told already. Whoever is raised again out of a group came of the group, which holds it."""
    told: list[str] = []
    at: BaseException | None = problem
    while at is not None and id(at) not in known:
        known.add(id(at))
        members = at.exceptions if isinstance(at, BaseExceptionGroup) else ()
        inner = [_told(one, known) for one in members if id(one) not in known]
        told.append("\n".join([_kind(at), "".join(traceback.format_tb(at.__traceback__)), *inner]))
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
    return "\nafter ".join(told)


def _kind(problem: BaseException) -> str:
    if isinstance(problem, OSError) and problem.strerror:
        return f"{type(problem).__name__}: {problem.strerror}"
    state = getattr(problem, "sqlstate", None)
    return f"{type(problem).__name__}{f' {state}' if isinstance(state, str) else ''}"


def _said(record: logging.LogRecord) -> str:
    """What asyncio knows of a task, and uvicorn of a start that failed, comes in further lines, an exception's words included."""
    text = record.getMessage()
    return text.partition("\n")[0] if record.name in ("asyncio", "uvicorn.error") else text


class Lines(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:
        """A line that cannot be made is told by its place: logging itself would print its facts and its exception."""
        line = {
            "level": "error",
            "from": record.name,
            "what": f"a line of {record.pathname}:{record.lineno} is lost",
        }
        with suppress(OSError, ValueError):  # the stream itself may be what is broken
            self.stream.write(json.dumps(line) + self.terminator)


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "from": record.name,
            "what": _said(record),
            **_here,
            **facts(record),
        }
        if record.exc_info and record.exc_info[1]:
            line["trace"] = without_text(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=str)


class PlainLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        told = "".join(f" {key}={value}" for key, value in facts(record).items())
        # A line break in a value would look like another event.
        line = f"{at} {record.levelname.lower():7} {_said(record)}{told}".replace("\n", "\\n")
        if record.exc_info and record.exc_info[1]:
            line += "\n" + without_text(record.exc_info[1])
        return line
