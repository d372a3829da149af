"""What holds for every test: async tests run on asyncio, properties have no deadline, CI skips nothing."""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Iterator

import hypothesis
import pytest

from tests.harness.furnished import demo_made_once, migrated_once
from tests.harness.postgres import Postgres, postgres
from tests.harness.prompt import servers_end_promptly

# Servers and commands are started some hundred times: what they are made of is compiled once, as where it is installed, and not
# at each start, which takes a third of a second.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A deadline per example measures the machine, not the code.
hypothesis.settings.register_profile("project", deadline=None, print_blob=True)
hypothesis.settings.load_profile("project")

IN_CI = os.environ.get("CI", "") not in ("", "0", "false")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--part", choices=("shared", "alone"), help="one of the two goes of tests/__main__.py")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    part = config.getoption("part")
    if part is None:
        return
    there: dict[bool, list[pytest.Item]] = {True: [], False: []}
    for item in items:
        there[(item.get_closest_marker("alone") is not None) == (part == "alone")].append(item)
    items[:] = there[True]
    config.hook.pytest_deselected(items=there[False])


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Commands that a test runs in this process set it up."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    if logging.root.level != level:
        logging.root.setLevel(level)


@pytest.fixture(scope="session", autouse=True)
def sqlite_migrated_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    where = tmp_path_factory.mktemp("furnished")
    with migrated_once(where / "chat.db"), demo_made_once(where / "demo.db"):
        yield


@pytest.fixture(scope="session", autouse=True)
def prompt() -> Iterator[None]:
    with servers_end_promptly():
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """One for all tests: each takes a database of its own."""
    with postgres() as server:
        yield server


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    # An expected failure is reported as skipped too; it did run.
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"Skipped, which CI does not allow: {_reason(report.longrepr)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if IN_CI and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"Skipped, which CI does not allow: {_reason(report.longrepr)}"
    return report


def _reason(longrepr: object) -> str:
    """The words of `pytest.skip(...)`, out of pytest's (file, line, reason)."""
    return str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)
