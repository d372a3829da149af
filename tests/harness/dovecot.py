"""Debian's dovecot on loopback: a mailbox as the operator's provider has it. Stopped, hung, started again on the same ports.

All that it writes is in one directory below /tmp, whose name is short: its sockets are in it. As root it works as `nobody`, since
dovecot refuses to read mail as root.
"""

from __future__ import annotations

import imaplib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.harness.server import free_port
from tests.harness.waiting import wait_until

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"
USER, PASSWORD = "soporte", "una clave+%/ñ"
STRANGE = str.maketrans({"+": "%2B", "%": "%25", "/": "%2F", " ": "%20", "ñ": "%C3%B1"})

CONFIG = """
base_dir = {base}/run
state_dir = {base}/state
log_path = {base}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{base}/cert.pem
ssl_key = <{base}/key.pem
ssl_dh =
disable_plaintext_auth = no
auth_failure_delay = 0
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
mail_location = maildir:{base}/mail
mail_uid = {user}
mail_gid = {group}
first_valid_uid = 1
first_valid_gid = 1
imap_capability = {capability}
imap_idle_notify_interval = 2 mins
namespace inbox {{
  inbox = yes
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {base}/users
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={base}/home
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
service anvil {{
  chroot =
  # Who was wrong may be wrong again at once.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""


class Dovecot:
    """`capability`: what the server says of itself, instead of all that it can do."""

    def __init__(self, base: Path, capability: str = "") -> None:
        self.base = base
        self.port, self.tls_port = free_port(), free_port()
        self.capability = capability
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"imap://{USER}:{PASSWORD.translate(STRANGE)}@127.0.0.1:{self.port}/INBOX"

    @property
    def tls_url(self) -> str:
        return f"imaps://{USER}:{PASSWORD.translate(STRANGE)}@localhost:{self.tls_port}/INBOX?ca={self.base / 'cert.pem'}"

    def make(self) -> None:
        account = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        group = subprocess.run(
            ["id", "-gn", account.pw_name], capture_output=True, text=True, check=True
        ).stdout.strip()
        for name in ("run", "state", "mail", "home"):
            (self.base / name).mkdir()
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost", "-keyout", self.base / "key.pem", "-out", self.base / "cert.pem"],
            check=True, capture_output=True,
        )  # fmt: skip
        self.give(PASSWORD)
        self.configure(user=account.pw_name, group=group)
        self._own()

    def configure(self, *, user: str, group: str) -> None:
        config = CONFIG.format(
            base=self.base,
            user=user,
            group=group,
            port=self.port,
            tls_port=self.tls_port,
            capability=self.capability,
        )
        (self.base / "dovecot.conf").write_text(config)

    def give(self, password: str) -> None:
        """The only user's. Returns when the server knows, which looks into the file once a second."""
        (self.base / "users").write_text(f"{USER}:{{PLAIN}}{password}\n")
        self._own()
        if self.process is not None:
            wait_until(lambda: self._takes(password), "the server knows the password")

    def _takes(self, password: str) -> bool:
        with suppress(imaplib.IMAP4.error), self.reading(password):
            return True
        return False

    def _own(self) -> None:
        if os.getuid() == 0:
            subprocess.run(["chown", "-R", "nobody", str(self.base)], check=True)

    def start(self) -> None:
        """Returns when it listens."""
        assert self.process is None, "it runs already"
        program = shutil.which("dovecot", path=PATH)
        assert program is not None
        with (self.base / "out.log").open("ab") as log:
            self.process = subprocess.Popen(
                [program, "-F", "-c", str(self.base / "dovecot.conf")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(self._listens, "dovecot listens")

    def stop(self) -> None:
        """All of it: lines that are open are cut. Its first process alone would leave that to the others, which take ten seconds
        to notice that it is gone."""
        if self.process is None:
            return
        for number in (signal.SIGCONT, signal.SIGTERM):
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
        self.process.wait(30)
        self.process = None

    def hang(self) -> None:
        """It takes connections (the kernel does that) and answers nobody."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGCONT)

    def log(self) -> str:
        return "".join(
            path.read_text(errors="replace")
            for path in (self.base / "out.log", self.base / "dovecot.log")
            if path.exists()
        )

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=5) as line:
            line.settimeout(5)
            return line.recv(4).startswith(b"* OK")
        return False

    # — what people and mail hosts do with it ——————————————————————————————————

    @contextmanager
    def reading(self, password: str = PASSWORD) -> Iterator[imaplib.IMAP4]:
        with closing(_Line(imaplib.IMAP4("127.0.0.1", self.port, timeout=30))) as line:
            line.client.authenticate("PLAIN", lambda _: f"\0{USER}\0{password}".encode())
            yield line.client

    def bring(self, *mails: bytes, folder: str = "INBOX") -> None:
        with self.reading() as client:
            for raw in mails:
                kind, told = client.append(folder, "", None, raw)
                assert kind == "OK", told

    def clean(self) -> None:
        """As on the first day."""
        with self.reading() as client:
            for folder in ("INBOX", "Procesados"):
                kind, count = client.select(folder)
                if kind == "OK" and count != [b"0"]:
                    client.store("1:*", "+FLAGS", "\\Deleted")
                    client.expunge()

    def close(self, folder: str, *, closed: bool = True) -> None:
        """Nothing can be moved there, until it is opened again."""
        for name in ("cur", "new", "tmp", ""):
            (self.base / "mail" / f".{folder}" / name).chmod(0o500 if closed else 0o700)

    def mails(self, folder: str = "INBOX", which: str = "ALL") -> list[bytes]:
        """What lies in a folder; of a folder that is not there, nothing."""
        with self.reading() as client:
            if client.select(folder, readonly=True)[0] != "OK":
                return []
            found = client.search(None, which)[1][0].split()
            told: list[Any] = [client.fetch(number, "(BODY.PEEK[])")[1][0] for number in found]
            return [part[1] for part in told]


class _Line:
    def __init__(self, client: imaplib.IMAP4) -> None:
        self.client = client

    def close(self) -> None:
        with suppress(imaplib.IMAP4.error, OSError):
            self.client.logout()


@contextmanager
def dovecot(capability: str = "") -> Iterator[Dovecot]:
    if shutil.which("dovecot", path=PATH) is None:
        pytest.skip("no dovecot here: apt install dovecot-imapd")
    with tempfile.TemporaryDirectory(prefix="chat-dc-") as directory:
        Path(directory).chmod(0o755)
        made = Dovecot(Path(directory), capability)
        made.make()
        try:
            made.start()
            yield made
        finally:
            made.stop()
