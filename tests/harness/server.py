"""The real server as a process of its own: started, killed, drained and started again on the same port and data."""

from __future__ import annotations

import http.client
import itertools
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from chatserver.settings import unknown
from tests.harness.furnished import demo_at
from tests.harness.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "una-clave-para-probar"
START_WITHIN = 30.0
STOP_WITHIN = 30.0
ANSWER_WITHIN = 5.0
PORTS = range(12_000, 32_000)
"""Below those that the kernel gives to whoever wants any (`ip_local_port_range`): nobody comes upon one of ours by chance before
its server listens there, or between two of its lives."""


def _in_turn() -> Iterator[int]:
    """From a place of each run's own: several may use one machine. Of processes of one run, each has its share."""
    worker, workers = (
        os.environ.get("PYTEST_XDIST_WORKER", "gw0"),
        os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"),
    )
    ours = PORTS[int(worker.removeprefix("gw")) :: int(workers)]
    begin = secrets.randbelow(len(ours))
    return itertools.cycle([*ours[begin:], *ours[:begin]])


_ports = _in_turn()


def free_port() -> int:
    """A port that nobody listens on just now, another one each time."""
    while True:
        port = next(_ports)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Server:
    """`chatserver demo` on a free port, with its data in `directory`.

    Settings by their names without prefix, in small letters: `Server(tmp_path, inactivity_seconds=6)`. `under`: a command that
    becomes the server (`tests.harness.tracing`). `command`: of our command line. `variables`: others of the environment,
    by their whole names. `log_file`: what it prints, "server.log" beside its data if not given. `afresh`: the demo's first start
    makes its SQLite database; otherwise it finds one that was made before, as at every start but the first.
    """

    def __init__(
        self,
        directory: Path,
        *,
        under: Sequence[str] = (),
        log_file: Path | None = None,
        command: str = "demo",
        variables: Mapping[str, str] | None = None,
        afresh: bool = False,
        **settings: object,
    ) -> None:
        wrong = unknown({f"CHATSERVER_{name.upper()}": "" for name in settings})
        assert not wrong, f"no settings of the server: {wrong}"
        self.directory = directory
        self.port = free_port()
        self.settings = settings
        self.under = under
        self.command = command
        self.variables = variables or {}
        self.afresh = afresh
        self.log_file = log_file or directory / "server.log"
        self.process: subprocess.Popen[bytes] | None = None

    # Two names for one machine are two sites for a browser.
    @property
    def host_page(self) -> str:
        return f"http://localhost:{self.port}/demo"

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def console(self) -> str:
        return f"{self.origin}/console"

    @property
    def database(self) -> Path:
        return self.directory / "chatserver.db"

    def environment(self) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("CHATSERVER_", "OTEL_"))
            and name not in ("HOST", "PORT", "DATABASE_URL", "REDIS_URL")
        }
        given = {f"CHATSERVER_{name.upper()}": str(value) for name, value in self.settings.items()}
        return inherited | {
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "CHATSERVER_DATA_DIR": str(self.directory),
            "CHATSERVER_DEMO_PASSWORD": PASSWORD,
            "PYTHONUNBUFFERED": "1",
            **given,
            **self.variables,
        }

    def launch(self) -> None:
        """Starts the process and does not wait for it."""
        assert self.process is None, "it runs already"
        self._furnish()
        with self.log_file.open("ab") as log:
            self.process = self._spawn(log)

    def start(self) -> None:
        """Returns when the server says that it is ready."""
        self.launch()
        self.comes_up()

    def comes_up(self) -> None:
        """Returns when the process that was launched says that it is ready."""
        wait_until(self.ready, "the server is ready", START_WITHIN)
        # A setting that was renamed would quietly make another test of this one.
        assert "is no setting" not in self.log(), self.log()

    def ready(self) -> bool:
        """Whether /readyz says yes. Raises AssertionError with the log when the process has ended by itself."""
        assert self.process is not None, "it was not started"
        code = self.process.poll()
        assert code is None, f"the server ended by itself with {code}:\n{self.log()}"
        return self.status("/readyz") == 200

    def status(self, path: str) -> int:
        """The HTTP status of a page; 0 while nobody answers, which takes `ANSWER_WITHIN` where somebody hangs."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_WITHIN)) as connection:
            try:
                connection.request("GET", path)
                return connection.getresponse().status
            except OSError:
                return 0
            except http.client.HTTPException:
                return 0

    @property
    def cpu_seconds(self) -> float:
        """What the process has used so far."""
        assert self.process is not None, "it does not run"
        after_name = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """SIGKILL: no last words."""
        self._signal(signal.SIGKILL)
        self._wait()

    def terminate(self) -> None:
        """SIGTERM: it may say goodbye; returns at once."""
        self._signal(signal.SIGTERM)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.terminate()
        return self.wait()

    def wait(self) -> int:
        """The exit code of a server that is stopping."""
        return self._wait()

    def restart_after_kill(self) -> None:
        self.kill()
        self.start()

    def log(self) -> str:
        """The end of what the server printed, over all its lives."""
        return self.whole_log()[-8000:]

    def whole_log(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace") if self.log_file.exists() else ""

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The database, beside the running server, for looking only."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            yield connection

    async def rows(self, query: str) -> list[Any]:
        """Of its database, whichever engine keeps it."""
        if url := self.settings.get("database_url"):
            from tests.harness.postgres import fetched  # which needs what is here

            return await fetched(str(url), query)
        with self.reading() as database:
            return database.execute(query).fetchall()

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """The database while the server is down; committed at the end."""
        assert self.process is None, "a second writer beside the running server"
        with closing(sqlite3.connect(self.database)) as connection:
            yield connection
            connection.commit()

    def _furnish(self) -> None:
        """As if it had been started before; one on PostgreSQL is given such a database (`Postgres.demo`). Nothing where it has
        been: a database that is not there any more is not given back."""
        ours = self.command == "demo" and "database_url" not in self.settings and not self.afresh
        if ours and self.directory.is_dir() and not self.database.exists() and not self.log_file.exists():
            demo_at(self.database)

    def _program(self) -> list[str]:
        return [*self.under, sys.executable, "-m", "chatserver", self.command]

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._program(),
            cwd=ROOT,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None, "it does not run"
        self.process.send_signal(number)

    def _wait(self) -> int:
        assert self.process is not None, "it does not run"
        code = self.process.wait(STOP_WITHIN)
        self.process = None
        return code


@contextmanager
def running(directory: Path, *, log_file: Path | None = None, **settings: Any) -> Iterator[Server]:
    """A server that is ready, and gone afterwards whatever happened."""
    with ended(Server(directory, log_file=log_file, **settings)) as server:
        server.start()
        yield server


@contextmanager
def ended(server: Server) -> Iterator[Server]:
    """Afterwards it is gone, whatever happened."""
    try:
        yield server
    finally:
        if server.process is not None:
            server.kill()


def start_all(servers: Sequence[Server]) -> None:
    """At once; returns when all are ready. Nothing is left for the first of them to make in their database (`Postgres.demo`)."""
    for server in servers:
        server.launch()
    for server in servers:
        server.comes_up()
