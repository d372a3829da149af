"""Debian's nginx in front of a server on loopback, without root: everything it writes is in one directory."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.harness.server import free_port
from tests.harness.waiting import soon

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"
NGINX = shutil.which("nginx", path=PATH)

# One process, so that there is one to stop. Nothing about buffering: what is tested is what nginx does by itself.
CONFIG = """
daemon off;
master_process off;
pid nginx.pid;
error_log error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    upstream nodes {{
        {nodes}
    }}
    server {{
        listen 127.0.0.1:{port};
        {location}
        {more}
    }}
}}
"""


PLAIN = "location / { proxy_pass http://127.0.0.1:8000; }"
IN_TURN = """
location / {
    proxy_pass http://nodes;
    proxy_set_header Host $http_host;
    add_header Taken-By $upstream_addr always;
}
"""
"""Each request to the next one of the nodes, whoever asks; the answer says to which."""


@contextlib.asynccontextmanager
async def nginx(
    directory: Path, *behind: int, location: str = PLAIN, more: str = "", port: int | None = None
) -> AsyncIterator[int]:
    """The port of an nginx that passes everything on to `behind`, the first of which `location` calls port 8000, and all of them
    `nodes`. `more`: other directives."""
    if NGINX is None:
        pytest.skip("no nginx here: apt install nginx")
    port = port or free_port()
    location = location.replace("127.0.0.1:8000", f"127.0.0.1:{behind[0]}")
    nodes = " ".join(f"server 127.0.0.1:{one};" for one in behind)
    config = CONFIG.format(port=port, nodes=nodes, location=location, more=more)
    (directory / "nginx.conf").write_text(config)
    log = directory / "error.log"
    child = await asyncio.create_subprocess_exec(
        NGINX, "-p", str(directory), "-c", "nginx.conf", "-e", str(log)
    )
    try:
        await soon(lambda: child.returncode is not None or _listens(port), "nginx listens")
        assert child.returncode is None, log.read_text()
        yield port
    finally:
        if child.returncode is None:
            child.terminate()
        await child.wait()


def _listens(port: int) -> bool:
    with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False
