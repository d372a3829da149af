"""Thousands of frames that no client would send, the same ones each time: every one is answered by a fixed code, none is a fault
of the server, nothing of them is logged, and the conversation beside them goes on."""

from __future__ import annotations

import json
import logging
import random
from typing import Any, get_args

import pytest

from chatserver.core import tickets
from chatserver.core.errors import CODES
from chatserver.realtime import customer, talk, wire
from chatserver.realtime.wire import AgentFrame, CustomerFrame
from tests.realtime.chat import Chat, Client

FRAMES = 1_200
SECRET = "zanahoria"
"""Stands in every text: it must come back in no refusal, and in no log."""

VALUES: list[str] = [
    *(
        "null",
        "true",
        "false",
        "0",
        "-1",
        "1",
        "1.0",
        "1e2",
        "1e999",
        "-0.0",
        "NaN",
        "Infinity",
        "0x10",
        "01",
    ),
    *(
        str(2**31),
        str(2**53 - 1),
        str(2**53),
        str(2**63),
        str(2**64),
        "9" * 400,
        "9" * 5_000,
        "-" + "9" * 400,
    ),
    *(
        '""',
        '"\\u0000"',
        '"\\ud800"',
        '"\\udc00\\ud800"',
        '"\\uffff"',
        '"\\u202e\\u200b"',
        '"' + "A" * 22 + '"',
    ),
    *(
        f'"{SECRET}"',
        f'"{SECRET * 600}"',
        '"__class__"',
        '"${7*7}"',
        '"\' OR 1=1 --"',
        '"../../etc/passwd"',
    ),
    *(
        "[]",
        "{}",
        "[[]]",
        '{"a":1}',
        "[" * 900 + "]" * 900,
        '{"a":' * 900 + "1" + "}" * 900,
        "[1,2",
        "",
        "\x00",
    ),
    *('{"host":{}}', '{"host":{"a":1}}', '{"url":"javascript:1","host":{"":""}}', '{"__proto__":{"a":1}}'),
]
ATTRIBUTES = sorted(
    {name for thing in (object, dict, str, wire.Frame, wire, customer, talk, tickets) for name in dir(thing)}
)


def fields_of(union: Any) -> dict[str, tuple[str, ...]]:
    return {struct.__struct_config__.tag: struct.__struct_fields__ for struct in get_args(union)}


def frames(union: Any, ticket: int, dice: random.Random) -> list[str]:
    known = fields_of(union)
    names = sorted({name for fields in known.values() for name in fields})

    def one() -> str:
        kind = dice.random()
        verb = dice.choice(ATTRIBUTES) if kind < 0.1 else dice.choice([v for v in known if v != "ping"])
        pairs = [("type", json.dumps(verb) if kind < 0.9 else dice.choice(VALUES))]
        for name in known.get(verb, ()):
            if name == "ticket" and dice.random() < 0.8:
                pairs.append((name, str(ticket)))
            elif dice.random() < 0.9:
                pairs.append((name, dice.choice(VALUES)))
        # unknown fields, and known ones twice
        extra = dice.choice([0, 0, 0, 1, 2])
        pairs += [(dice.choice([*names, *ATTRIBUTES]), dice.choice(VALUES)) for _ in range(extra)]
        if dice.random() < 0.2:
            dice.shuffle(pairs)
        text = "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in pairs) + "}"
        if dice.random() < 0.05:
            text = text[: dice.randrange(len(text) + 1)]
        return text if dice.random() < 0.95 else dice.choice(VALUES)

    return [one() for _ in range(FRAMES)]


async def feed(client: Client, texts: list[str]) -> dict[str, int]:
    """How often each code came. A ping after every frame keeps five bad ones from standing in a row."""
    codes: dict[str, int] = {}
    for start in range(0, len(texts), 100):
        for text in texts[start : start + 100]:
            await client.ws.send(text)
            await client.send(type="ping")
        pongs = 0
        while pongs < len(texts[start : start + 100]):
            answer = await client.receive()
            pongs += answer["type"] == "pong"
            if answer["type"] == "error":
                assert SECRET not in str(answer)
                assert set(answer) <= {
                    "type",
                    "code",
                    "verb",
                    "cid",
                    "ticket",
                    "limit",
                    "retry_after",
                    "next_at",
                }
                codes[answer["code"]] = codes.get(answer["code"], 0) + 1
    return codes


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_frame_is_too_strange(chat: Chat, caplog: pytest.LogCaptureFixture, seed: int) -> None:
    caplog.set_level(logging.DEBUG, "chatserver")
    dice = random.Random(seed)
    async with chat.agent(1) as agent, chat.customer("eva") as eva, chat.customer("ana") as bystander:
        ticket = await eva.start()
        beside = await bystander.start()
        for client, union in ((eva, CustomerFrame), (agent, AgentFrame)):
            codes = await feed(client, frames(union, ticket, dice))
            assert set(codes) <= CODES - {"internal", "unavailable"}
            assert codes["bad_frame"] > FRAMES / 4
            await client.send(type="ping")
            while (await client.receive())["type"] != "pong":
                pass  # what was asked before is answered as its turn comes
        await bystander.say(beside, "y yo sigo")
        assert SECRET not in caplog.text
        assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
