"""Decoding: whatever comes is a frame or a fixed error, and says which frame the error answers where that can be known."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.core.errors import Refused
from chatserver.realtime.frames import Frames, error_for, pack
from chatserver.realtime.wire import CustomerFrame, Error, Frame, Here, Say

CID = "A" * 22
FRAMES = Frames[Frame](CustomerFrame)
TYPES = st.sampled_from(["say", "start", "rate", "open", "hello", "ping", "claim", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
FIELDS = st.sampled_from(["cid", "ticket", "text", "v", "context", "stars", "after", "type", "other"])


@given(st.text())
def test_any_text_is_a_frame_or_a_fixed_error(text: str) -> None:
    found = FRAMES.decode(text)
    assert isinstance(found, Frame)


@given(TYPES, st.dictionaries(FIELDS, VALUES))
def test_any_object_is_a_frame_or_an_error_that_can_be_sent(kind: str, fields: dict[str, Any]) -> None:
    found = FRAMES.decode(json.dumps({"type": kind, **fields}))
    assert json.loads(pack(found).body)["type"]
    if isinstance(found, Error):
        assert found.code in ("bad_frame", "unknown_type")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('{"type":"say","ticket":7,"cid":"' + CID + '"}', Error("bad_frame", "say", CID, 7)),
        ('{"type":"say","ticket":"7","cid":"short"}', Error("bad_frame", "say")),
        ('{"type":"say","ticket":-7,"cid":{}}', Error("bad_frame", "say")),
        ('{"type":"claim","ticket":7}', Error("unknown_type")),
        ('{"ticket":7}', Error("bad_frame")),
    ],
)
def test_an_error_names_the_frame_that_it_answers_where_that_can_be_read(text: str, answer: Error) -> None:
    assert FRAMES.decode(text) == answer


def test_a_refusal_carries_what_the_client_needs() -> None:
    refused = Refused("too_long", limit=8_000)
    assert error_for(Say(7, CID, "x"), refused) == Error("too_long", "say", CID, 7, limit=8_000)
    late = Refused("rate_limited", retry_after=1.23456)
    assert error_for(Here(7), late) == Error("rate_limited", "here", ticket=7, retry_after=1.235)
