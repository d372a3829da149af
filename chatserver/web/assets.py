"""Static files: kept in memory, packed once, served under names that may be kept for ever when they carry a hash.

Only files that were found in the directory are served, by look-up: no path of a request ever reaches the disk.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from chatserver.web.origins import header

_HASHED: Final = re.compile(r"\.[0-9a-f]{12}\.\w+$")
FOREVER: Final = "public, max-age=31536000, immutable"
SHORTLY: Final = "public, max-age=300, stale-while-revalidate=86400"
_TEXT: Final = frozenset({".js", ".css", ".json", ".svg", ".txt", ".html"})
_TYPES: Final = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}


def static_directory() -> Path:
    """`static/` of the wheel, else of the source tree."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "static"
    return inside if inside.is_dir() else package.parent / "static"


@dataclass(frozen=True)
class Asset:
    body: bytes
    packed: bytes | None
    etag: str
    type: str
    cache: str


class Assets:
    """What the front-end build and `static/` hold. Follows a new build while the server runs (`node build.mjs --watch`)."""

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = directory or static_directory()
        self._manifest: dict[str, str] = {}
        self._files: dict[str, Path] = {}
        self._read: dict[str, Asset] = {}
        self._stamp = -1

    def url(self, name: str) -> str:
        """The address of a built file by its logical name (`frame.js`), or of a file in `static/` (`page.css`)."""
        self._look()
        built = self._manifest.get(name)
        return f"/static/build/{built}" if built else f"/static/{name}"

    @property
    def built(self) -> bool:
        """Is there a front end to serve?"""
        self._look()
        return bool(self._manifest)

    def serve(self, request: Request, name: str, *, cross_origin: bool = False) -> Response:
        """The file, or 304 when the browser has it. Raises HTTPException(404)."""
        asset = self._asset(name)
        headers = {"etag": asset.etag, "cache-control": asset.cache, "vary": "accept-encoding"}
        if cross_origin:
            headers["cross-origin-resource-policy"] = "cross-origin"
        if asset.etag in (header(request.scope, b"if-none-match") or ""):
            return Response(status_code=304, headers=headers)
        body = asset.body
        if asset.packed is not None and "gzip" in (header(request.scope, b"accept-encoding") or ""):
            body = asset.packed
            headers["content-encoding"] = "gzip"
        return Response(body, headers=headers, media_type=asset.type)

    def _asset(self, name: str) -> Asset:
        self._look()
        file = self._files.get(name)
        if file is None:
            raise HTTPException(404)
        if name not in self._read:
            self._read[name] = _read(file)
        return self._read[name]

    def _look(self) -> None:
        manifest = self.directory / "build" / "manifest.json"
        try:
            stamp = manifest.stat().st_mtime_ns
        except FileNotFoundError:
            stamp = 0
        if stamp == self._stamp:
            return
        self._manifest = json.loads(manifest.read_text(encoding="utf-8")) if stamp else {}
        self._files = {
            str(file.relative_to(self.directory).as_posix()): file
            for file in self.directory.rglob("*")
            if file.is_file() and not file.name.startswith(".")
        }
        self._read = {}
        self._stamp = stamp


def _read(file: Path) -> Asset:
    body = file.read_bytes()
    kind = _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    packed = gzip.compress(body, 9, mtime=0) if file.suffix in _TEXT else None
    return Asset(
        body,
        packed if packed and len(packed) < len(body) else None,
        f'"{hashlib.sha256(body).hexdigest()[:20]}"',
        kind,
        FOREVER if _HASHED.search(file.name) else SHORTLY,
    )
