"""Files of every kind, good and hostile, made from code: nothing of them lies in the repository."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

TYPES = "[Content_Types].xml"
OFFICE = "application/vnd.openxmlformats-officedocument."
MAIN = {
    "docx": ("word/document.xml", f"{OFFICE}wordprocessingml.document.main+xml"),
    "xlsx": ("xl/workbook.xml", f"{OFFICE}spreadsheetml.sheet.main+xml"),
    "pptx": ("ppt/presentation.xml", f"{OFFICE}presentationml.presentation.main+xml"),
}
DOCM = "application/vnd.ms-word.document.macroEnabled.main+xml"
VBA = "application/vnd.ms-office.vbaProject"
EICAR = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = "<!DOCTYPE html><html><body><script>alert(1)</script></body></html>"
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(64) + b"\xff\xd9"
GIF = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;"
WEBP = b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0" + bytes(13) + b"\0"
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def png(width: int = 2, height: int = 2, *, rows: int | None = None) -> bytes:
    """A grey picture; `rows`: so many of them are really there."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))

    head = struct.pack(">LLBBBBB", width, height, 8, 0, 0, 0, 0)
    body = (b"\0" + b"\x7f" * width) * (height if rows is None else rows)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(body))
        + chunk(b"IEND", b"")
    )


def archive(parts: Mapping[str, bytes | str], *, comment: bytes = b"", stored: bool = False) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as made:
        for name, content in parts.items():
            made.writestr(name, content)
        made.comment = comment
    return out.getvalue()


def types(*of: str, raw: str = "") -> str:
    parts = "".join(f'<Override PartName="/p{n}" ContentType="{one}"/>' for n, one in enumerate(of))
    return f'<?xml version="1.0" encoding="UTF-8"?><Types>{parts}{raw}</Types>'


def office(
    kind: str, *, also: Mapping[str, bytes | str] | None = None, said: str | bytes | None = None
) -> bytes:
    """`also`: further parts. `said`: of the types, instead of what is right."""
    name, main = MAIN[kind]
    return archive({TYPES: types(main) if said is None else said, name: "<x/>"} | dict(also or {}))


def bomb(entries: int = 40, each: int = 256 * 2**20) -> bytes:
    """What is said to unpack to 10 GiB. The list says so; that it is true nobody has to try."""
    packed = zlib.compress(bytes(2**20), 9)[2:-4]
    out, listed = bytearray(), bytearray()
    for number in range(entries):
        name = f"{number}.bin".encode()
        begin = len(out)
        out += (
            struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 8, 0, 0, 0, len(packed), each, len(name), 0)
            + name
            + packed
        )
        fields = (b"PK\x01\x02", 20, 20, 0, 8, 0, 0, 0, len(packed), each, len(name), 0, 0, 0, 0, 0, begin)
        listed += struct.pack("<4s6H3L5H2L", *fields) + name
    return bytes(out + listed + _end(entries, len(listed), len(out)))


def crowded(entries: int) -> bytes:
    """So many empty entries, as a list that is as short as it can be. Beyond 65,535 the true number stands elsewhere (zip64)."""
    out, listed = bytearray(), bytearray()
    for number in range(entries):
        name = b"%x" % number
        begin = len(out)
        out += struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0) + name
        fields = (b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0, 0, 0, 0, 0, begin)
        listed += struct.pack("<4s6H3L5H2L", *fields) + name
    far = b""
    if entries > 0xFFFF:
        where = len(out) + len(listed)
        far = struct.pack(
            "<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, entries, entries, len(listed), len(out)
        )
        far += struct.pack("<4sLQL", b"PK\x06\x07", 0, where, 1)
    return bytes(out + listed + far + _end(min(entries, 0xFFFF), len(listed), len(out)))


def _end(entries: int, size: int, begin: int) -> bytes:
    return struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, entries, entries, size, begin, 0)


def ole(streams: Mapping[str, bytes]) -> bytes:
    """An old office document: streams by name, "Macros/x" lies in a storage. What is shorter than 4096 bytes lies in the small
    one."""
    names: dict[str, bytes | None] = {}
    for path, content in streams.items():
        parts = path.split("/")
        for depth in range(1, len(parts)):
            names.setdefault("/".join(parts[:depth]), None)
        names[path] = content
    sectors: list[bytes] = []
    fat: list[int] = []

    def put(content: bytes) -> int:
        first = len(sectors)
        pieces = [content[at : at + 512].ljust(512, b"\0") for at in range(0, len(content), 512)]
        sectors.extend(pieces)
        fat.extend([*range(first + 1, first + len(pieces)), 0xFFFFFFFE])
        return first

    small, begins = bytearray(), dict[str, int]()
    table: list[int] = []
    for path, data in names.items():
        if data is None:
            begins[path] = 0
        elif len(data) >= 4096:
            begins[path] = put(data)
        else:
            begins[path] = len(small) // 64
            count = -(-len(data) // 64)
            table += [*range(len(table) + 1, len(table) + count), 0xFFFFFFFE]
            small += data.ljust(count * 64, b"\0")
    store = put(bytes(small)) if small else 0xFFFFFFFE
    small_fat = (
        put(b"".join(struct.pack("<L", n) for n in table).ljust(512, b"\xff")) if table else 0xFFFFFFFE
    )

    paths = ["", *names]
    children = {
        path: [i for i, p in enumerate(paths) if i and p.rpartition("/")[0] == path] for path in paths
    }
    entries = bytearray()
    for number, path in enumerate(paths):
        siblings = children[path.rpartition("/")[0]] if number else []
        place = siblings.index(number) if number else 0
        right = siblings[place + 1] if number and place + 1 < len(siblings) else 0xFFFFFFFF
        child = children[path][0] if children[path] else 0xFFFFFFFF
        name = (path.rpartition("/")[2] if number else "Root Entry").encode("utf-16-le")
        stream = names.get(path)
        kind = 5 if not number else 1 if stream is None else 2
        begin, size = (store, len(small)) if not number else (begins[path], len(stream or b""))
        entries += struct.pack(
            "<64sHBBLLL36xLL4x", name, len(name) + 2, kind, 1, 0xFFFFFFFF, right, child, begin, size
        )
    listing = put(bytes(entries))
    tables = len(fat) // 127 + 1
    first = len(sectors)
    fat += [0xFFFFFFFD] * tables
    sectors += [
        b"".join(struct.pack("<L", n) for n in fat[at : at + 128]).ljust(512, b"\xff")
        for at in range(0, tables * 128, 128)
    ]
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    head += struct.pack(
        "<HHHHH6xLLLLLLLLL", 62, 3, 0xFFFE, 9, 6, 0, tables, listing, 0, 4096, small_fat, 1, 0xFFFFFFFE, 0
    )
    head += struct.pack("<109L", *(first + n if n < tables else 0xFFFFFFFF for n in range(109)))
    return head + b"".join(sectors)


def workbook(sheet: int = 0) -> bytes:
    """A list of sheets with one of this type: 0 a table, 1 macros."""
    listed = struct.pack("<HHLBB2s", 0x0085, 8, 0, 0, sheet, b"\0\0")
    return struct.pack("<HH", 0x0809, 4) + bytes(4) + listed + struct.pack("<HH", 0x000A, 0)


def slides(runs: bool) -> bytes:
    said = b"\x1f\0\xff\x03\x14\0\0\0\x02\0\0\x04\x0c\0\0\0"
    return bytes(200) + said + struct.pack("<LLL", 1, int(runs), 2) + bytes(4096)


def in_file(directory: Path, content: bytes | str) -> Path:
    file = directory / "content"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file
