"""One server per SQLite file: two writing processes would each number messages on their own."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from chatserver.store.database import DatabaseInUse


class Lock:
    """Held from the making until `release`, or until the process ends in whatever way: the kernel lets go."""

    def __init__(self, database: Path) -> None:
        """Raises DatabaseInUse."""
        path = database.with_name(database.name + ".lock")
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._fd, 20).decode("ascii", "replace").strip()
            os.close(self._fd)
            raise DatabaseInUse(
                f"The database {database} is in use by another process{f' ({holder})' if holder else ''}. "
                "A SQLite database is served by one process only: stop that server first, or use another file."
            ) from None
        os.truncate(self._fd, 0)
        os.write(self._fd, str(os.getpid()).encode())

    def release(self) -> None:
        """The file stays: deleting it could let two processes each lock a file of that name."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
