"""Django Channels with its ORM on SQLite, `synchronous=FULL`, as its documentation shows it. Runs in an environment of its own
(bench/django.py)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import django
from django.conf import settings

from bench.servers.listening import run

settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(Path(sys.argv[1]) / "relay.db"),
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
            },
        }
    },
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
)
django.setup()

from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402 - Django wants its settings first
from django.db import connection, models  # noqa: E402


class Item(models.Model):
    pair = models.IntegerField()
    seq = models.IntegerField()
    cid = models.CharField(max_length=22)
    text = models.TextField()

    class Meta:
        app_label = "relay"
        constraints = (
            models.UniqueConstraint(fields=["pair", "seq"], name="one_seq"),
            models.UniqueConstraint(fields=["pair", "cid"], name="one_cid"),
        )


class Talk(AsyncWebsocketConsumer):
    pair = -1
    seq = 0

    async def receive(self, text_data: str = "", bytes_data: bytes | None = None) -> None:
        frame = json.loads(text_data)
        if self.pair < 0:
            self.pair = frame["pair"]
            if frame["role"] == "agent":
                await self.channel_layer.group_add(f"agent.{self.pair}", self.channel_name)
            await self.send('{"t":"ok"}')
            return
        self.seq += 1
        await Item.objects.acreate(pair=self.pair, seq=self.seq, cid=frame["id"], text=frame["text"])
        said = {"type": "delivery", "id": frame["id"], "seq": self.seq, "text": frame["text"]}
        await self.channel_layer.group_send(f"agent.{self.pair}", said)
        await self.send(json.dumps({"t": "a", "id": frame["id"], "seq": self.seq}))

    async def delivery(self, said: dict[str, Any]) -> None:
        await self.send(json.dumps({"t": "d"} | {name: said[name] for name in ("id", "seq", "text")}))


if __name__ == "__main__":
    with connection.schema_editor() as editor:
        editor.create_model(Item)
    run(Talk.as_asgi())
