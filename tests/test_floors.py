"""What we depend on: said what for, locked by hash, above the known faults, and from no particular host.

No scanner is reachable from everywhere this is built, so the floors are kept by hand.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = ROOT / "pyproject.toml"
LOCKS = sorted(ROOT.glob("requirements*.txt"))

# package → the lowest version free of the faults we know of; those not used yet count from the day they are
FLOORS = {
    "starlette": "1.3.1",  # CVE-2025-62727 Range, CVE-2026-48710 Host, PYSEC-2026-248 path, CVE-2026-54283
    "uvicorn": "0.52.1",  # write flow control and closing handshake of WebSockets
    "python-multipart": "0.0.31",  # seven faults of 2026 in parsing forms
    "pyjwt": "2.15",  # `crit` and the list of algorithms
    "authlib": "1.6.4",  # CVE-2025-59420 `crit`
    "aiosmtpd": "1.4.6",  # SMTP smuggling
    "orjson": "3.9.15",  # recursion
}

FROM_A_HOST = re.compile(
    r'"resolved"\s*:\s*"https?:'
    r"|--(?:(?:extra-)?index-url|find-links|trusted-host)\b"
    r"|registry\.(?:npmjs|yarnpkg)|files\.pythonhosted|pypi\.org/simple",
    re.IGNORECASE,
)
NOT_OURS = {".git", ".venv", "node_modules", "var", "dist", "build", "__pycache__"}


def requirements_of_pyproject() -> list[str]:
    project: dict[str, Any] = tomllib.loads(PYPROJECT.read_text())
    groups = project["dependency-groups"].values()
    extras = project["project"].get("optional-dependencies", {}).values()
    lists = [project["build-system"]["requires"], project["project"]["dependencies"], *extras, *groups]
    return [entry for entries in lists for entry in entries if isinstance(entry, str)]


def locked(lock: Path) -> dict[str, Version]:
    found = re.findall(r"^([\w.-]+)==(\S+)", lock.read_text(), re.MULTILINE)
    return {canonicalize_name(name): Version(version) for name, version in found}


def our_text_files() -> Iterator[tuple[Path, str]]:
    for directory, children, files in os.walk(ROOT):
        children[:] = [name for name in children if name not in NOT_OURS and not name.endswith("_cache")]
        for name in files:
            path = Path(directory, name)
            try:
                yield path, path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


@pytest.mark.parametrize("requirement", sorted(set(requirements_of_pyproject())))
def test_every_dependency_says_what_it_is_for(requirement: str) -> None:
    lines = [line for line in PYPROJECT.read_text().splitlines() if f'"{requirement}"' in line]
    assert lines, f"{requirement} should stand on a line of its own"
    assert all(re.search(r"#\s*\w", line) for line in lines), f"{requirement}: no comment says what it is for"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_the_lock_is_above_the_known_faults(lock: Path) -> None:
    versions = locked(lock)
    below = {
        name: str(versions[name])
        for name, floor in FLOORS.items()
        if name in versions and versions[name] < Version(floor)
    }
    assert not below, f"below the floor: {below}"


def test_what_pyproject_allows_is_above_the_known_faults() -> None:
    below = []
    for text in requirements_of_pyproject():
        requirement = Requirement(text)
        floor = FLOORS.get(canonicalize_name(requirement.name))
        lowest = [
            Version(part.version) for part in requirement.specifier if part.operator in (">=", "==", "~=")
        ]
        if floor and (not lowest or max(lowest) < Version(floor)):
            below.append(text)
    assert not below, f"below the floor: {below}"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_everything_in_the_lock_has_a_hash(lock: Path) -> None:
    entries = re.split(r"\n(?=\S)", lock.read_text().strip())
    assert entries
    without = [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry]
    assert not without, "\n".join(without)


def test_the_locks_agree_and_hold_what_pyproject_asks_for() -> None:
    runtime, development = locked(ROOT / "requirements.txt"), locked(ROOT / "requirements-dev.txt")
    differing = {name for name, version in runtime.items() if development.get(name) != version}
    assert not differing, f"locked differently for tests: {sorted(differing)}"
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    for requirement in map(Requirement, project["dependencies"]):
        assert requirement.specifier.contains(runtime[canonicalize_name(requirement.name)])


def test_no_file_says_from_which_host_packages_come() -> None:
    found = [str(path.relative_to(ROOT)) for path, text in our_text_files() if FROM_A_HOST.search(text)]
    assert not found, "\n".join(found)
