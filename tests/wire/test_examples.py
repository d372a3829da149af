"""The wire by example: one JSON file per frame at least, read here, by the TypeScript tests, and shown in docs/protocol.md.

A file is named `<who>.<frame type>[.<variant>].json`, `who` being customer, agent (to the server), to-customer, to-agent.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from chatserver.core.errors import CODES
from chatserver.realtime import close_codes, wire

HERE = Path(__file__).parent
UNIONS: dict[str, Any] = {
    "customer": wire.CustomerFrame,
    "agent": wire.AgentFrame,
    "to-customer": wire.CustomerServerFrame,
    "to-agent": wire.AgentServerFrame,
}
EXAMPLES = {path.name.removesuffix(".json"): json.loads(path.read_bytes()) for path in HERE.glob("*.json")}
PROTOCOL = (HERE.parents[1] / "docs" / "protocol.md").read_text(encoding="utf-8")


def test_every_frame_has_an_example_and_no_example_has_no_frame() -> None:
    named = {tuple(name.split(".")[:2]) for name in EXAMPLES}
    frames = {
        (who, struct.__struct_config__.tag) for who, union in UNIONS.items() for struct in get_args(union)
    }
    assert named == frames


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_is_read_as_its_frame_and_written_back_the_same(name: str) -> None:
    who, kind, *_ = name.split(".")
    frame = msgspec.json.decode(json.dumps(EXAMPLES[name]), type=UNIONS[who])
    assert frame.__struct_config__.tag == kind
    assert json.loads(msgspec.json.encode(frame)) == EXAMPLES[name]


def test_every_example_stands_in_the_protocol_and_the_protocol_shows_nothing_else() -> None:
    shown = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PROTOCOL, re.DOTALL)]
    missing = [name for name, example in EXAMPLES.items() if example not in shown]
    strange = [block for block in shown if block not in EXAMPLES.values()]
    assert (missing, strange) == ([], [])


def test_every_error_code_is_documented_and_no_other() -> None:
    table = PROTOCOL.split("## Errors")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == CODES


def test_every_close_code_is_documented_and_no_other() -> None:
    ours = {str(value) for name, value in vars(close_codes).items() if name.isupper()}
    table = PROTOCOL.split("## Close codes")[1].split("\n## ")[0]
    assert {code for code in re.findall(r"^\| (\d{4}) \|", table, re.MULTILINE) if code >= "4000"} == ours
