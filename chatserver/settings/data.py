"""Settings of what is kept, and where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from chatserver.settings import addresses, casts
from chatserver.settings.casts import setting


@dataclass(frozen=True)
class Data:
    """The database, what carries hints between servers on one, and the secret."""

    data_dir: Path = setting(Path("var"), casts.path, "Where the server keeps its data.")
    database_url: str = setting(
        "",
        addresses.database_url,
        "The database: a SQLite file, or a PostgreSQL server (`postgresql://user:password@host:5432/name`).",
        shown="sqlite:///<DATA_DIR>/chatserver.db",
        hidden=True,
    )
    wait_seconds: float = setting(
        10.0,
        casts.number(0, 3600),
        "At a start PostgreSQL is waited for so long if it does not answer yet; then the command ends with 1, to be run again.",
    )
    redis_url: str = setting(
        "",
        addresses.redis_url,
        "Redis between several servers on one PostgreSQL: what one of them stores the others show at once, instead of within two "
        "seconds. A server (`redis://`, `rediss://`, `unix://`), sentinels (`redis+sentinel://host,host/name`) or a cluster "
        "(`redis+cluster://host,host`).",
        hidden=True,
    )
    secret: str = setting(
        "",
        casts.secret,
        "Signs customers' sessions; at least 32 characters. Another secret ends all of them.",
        shown="made with the database, kept in it",
        hidden=True,
    )
    secret_file: Path | None = setting(None, casts.path, "A file to read the secret from, not SECRET.")

    @property
    def database(self) -> Path | str:
        """The file of SQLite, or the URL of PostgreSQL."""
        return self.database_url if self.on_postgres else self.database_path

    @property
    def database_shown(self) -> str:
        """As people may see it: without a password."""
        if not self.on_postgres:
            return str(self.database_path)
        parts = urlsplit(self.database_url)
        return f"{parts.hostname or 'localhost'}:{parts.port or 5432}{parts.path}"

    @property
    def on_postgres(self) -> bool:
        return self.database_url.startswith(addresses.POSTGRES)

    @property
    def database_path(self) -> Path:
        """Where SQLite is what keeps the data."""
        if not self.database_url:
            return self.data_dir / "chatserver.db"
        return Path(self.database_url.removeprefix(addresses.SQLITE))
