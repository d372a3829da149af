"""New SQLite databases are copies of one that the migrations made: that is a tenth of a second, some thousands of times.
What is about migrations calls them itself (`store/migrations/sqlite.migrate`); servers and commands of their own run them too."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chatserver.store.migrations.sqlite import migrate
from chatserver.store.sqlite import database


@contextmanager
def migrated_once(template: Path) -> Iterator[None]:
    """While this lasts, `Database.open` in this process. `template`: where the first one is kept."""
    turn = threading.Lock()

    def copied(path: Path) -> None:
        if path.stat().st_size:
            migrate(path)
            return
        with turn:
            if not template.exists():
                migrate(template)
        shutil.copyfile(template, path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "migrate", copied)
        yield
