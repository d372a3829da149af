"""Which place keeps files, by the settings."""

from __future__ import annotations

from chatserver.files.keeping import Keeping, Place
from chatserver.settings import Settings


def place_of(settings: Settings) -> Place:
    where = settings.bucket
    if where is None:
        return Keeping(settings.files_path)
    from chatserver.files.bucket import Bucket

    return Bucket(where, settings.files_path)
