"""What is said of files: the same in the widget, the portal and the console."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from chatserver.i18n import LANGUAGES, words
from chatserver.web.portal.uploads import size

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "cases" / "sizes.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["bytes"]))
def test_a_size_is_said_as_the_widget_says_it(case: dict[str, Any]) -> None:
    assert {lang: size(lang, case["bytes"]) for lang in LANGUAGES} == {lang: case[lang] for lang in LANGUAGES}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_whoever_sent_what_is_not_taken_reads_the_same_list_as_before(lang: str) -> None:
    kinds = words(lang)["common.file_limits"].partition(": ")[2]
    assert words(lang)["error.file_type"].endswith(f" {kinds}")
    every = [key for key, text in words(lang).items() if re.search(r"\bPowerPoint\b", text)]
    assert sorted(every) == ["common.file_limits", "error.file_type"], "nobody lists them anew"
