"""How small: the loader, all that a customer's browser fetches up to and with a chat, and what it fetches when more is needed
(gzip -9)."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from chatserver.i18n import LANGUAGES
from chatserver.web.embed import CHUNKS

BUILT = Path(__file__).resolve().parent.parent / "static" / "build"
LOADER_BYTES = 3_000
WIDGET_BYTES = 25_000
DETOUR_BYTES = 1_500
CHUNK_BYTES = {"after": 3_000, "files": 6_000, "form": 8_000, "hints": 3_500, "stop": 1_500}
"""Of each chunk: its script, its style sheet and its words in the largest language."""


@pytest.fixture(scope="module")
def sizes() -> dict[str, int]:
    """Logical name → bytes after gzip -9, of everything in static/build."""
    manifest = BUILT / "manifest.json"
    assert manifest.is_file(), "static/build is absent: `make test` and `make run` build the front end"
    names: dict[str, str] = json.loads(manifest.read_text())
    return {name: len(gzip.compress((BUILT / file).read_bytes(), 9, mtime=0)) for name, file in names.items()}


def test_the_loader_is_at_most_three_kilobytes(
    sizes: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print(f"\nloader: {sizes['widget.js']:,} of {LOADER_BYTES:,} bytes")
    assert sizes["widget.js"] <= LOADER_BYTES


def test_the_whole_widget_is_at_most_twenty_five_kilobytes(
    sizes: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    parts = whole_widget(sizes)
    total = sum(parts.values())
    with capsys.disabled():
        print(f"\nwhole widget: {total:,} of {WIDGET_BYTES:,} bytes {parts}")
    assert total <= WIDGET_BYTES


def test_what_replaces_a_blocked_websocket_comes_apart_and_is_small(
    sizes: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    total = sum(whole_widget(sizes).values())
    detour = sizes["line.js"]
    with capsys.disabled():
        print(
            f"\nwhere WebSockets are blocked: {detour:,} of {DETOUR_BYTES:,} bytes more, {total + detour:,} in all"
        )
    assert detour <= DETOUR_BYTES


@pytest.mark.parametrize("name", CHUNK_BYTES)
def test_what_is_fetched_later_is_small_too(
    name: str, sizes: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    words = [sizes[f"{name}.{language}.json"] for language in LANGUAGES]
    parts = {"script": sizes[f"{name}.js"], "sheet": sizes[f"{name}.css"], "words": max(words)}
    total = sum(parts.values())
    with capsys.disabled():
        print(f"\n{name}: {total:,} of {CHUNK_BYTES[name]:,} bytes {parts}")
    assert total <= CHUNK_BYTES[name]


@pytest.mark.parametrize("name", CHUNK_BYTES)
def test_a_chunk_finds_in_the_frame_what_it_imports(name: str, sizes: dict[str, int]) -> None:
    names: dict[str, str] = json.loads((BUILT / "manifest.json").read_text())
    imported = re.match(r'import\{([^}]*)\}from"\./([^"]*)";', (BUILT / names[f"{name}.js"]).read_text())
    assert imported, "a chunk begins with its import from the frame"
    assert imported[2] == names["frame.js"]
    exported = re.search(r"export\{([^}]*)\}", (BUILT / names["frame.js"]).read_text())
    assert exported, "the frame exports what chunks use"
    there = {one.split(" as ")[-1] for one in exported[1].split(",")}
    assert {one.split(" as ")[0] for one in imported[1].split(",")} <= there


def test_every_chunk_has_its_budget() -> None:
    assert set(CHUNK_BYTES) == set(CHUNKS)


def whole_widget(sizes: dict[str, int]) -> dict[str, int]:
    """What every customer fetches, with the largest language."""
    words = {
        name: size for name, size in sizes.items() if name.startswith("widget.") and name.endswith(".json")
    }
    assert set(words) == {"widget.es.json", "widget.en.json", "widget.pt.json"}
    parts = {name: sizes[name] for name in ("widget.js", "frame.js", "frame.css")}
    parts["words"] = max(words.values())
    return parts
