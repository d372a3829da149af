"""A posted form with files, taken apart as it comes: nothing of it is held that was not asked for.

Where a file stands, whoever reads takes it piece by piece or passes it over; so limits hold before bytes are kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final, NamedTuple

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

HEADERS_MAX: Final = 8
"""Of a part. Browsers write two."""
HEADER_BYTES: Final = 4_096
PARTS_MAX: Final = 200


class _Begin(NamedTuple):
    name: str
    filename: str | None


class _End(NamedTuple):
    pass


_Event = _Begin | bytes | _End


class Part:
    """One field, or one file. `filename` is None of a field, and "" where no file was chosen."""

    def __init__(self, begin: _Begin, parts: Parts) -> None:
        self.name, self.filename = begin
        self._parts = parts
        self._over = False

    async def chunks(self) -> AsyncIterator[bytes]:
        """What is left of it. Raises HTTPException(400) where the form breaks off."""
        while not self._over:
            event = await self._parts.event()
            if isinstance(event, bytes):
                yield event
            else:
                self._over = True

    async def pass_over(self) -> None:
        async for _ in self.chunks():
            pass


class Parts:
    """`async for part in Parts(stream, boundary)`: a part that was not read to its end is passed over."""

    def __init__(self, stream: AsyncIterator[bytes], boundary: bytes) -> None:
        from python_multipart.exceptions import FormParserError
        from python_multipart.multipart import MultipartParser

        self._stream = stream
        self._events: deque[_Event] = deque()
        self._headers: dict[bytes, bytes] = {}
        self._field = b""
        self._value = b""
        self._broken = FormParserError
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._part_began,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_over,
            "on_headers_finished": self._headers_over,
            "on_part_data": self._data,
            "on_part_end": self._part_over,
        }
        try:
            self._parser = MultipartParser(
                boundary, callbacks, max_header_count=HEADERS_MAX, max_header_size=HEADER_BYTES
            )
        except FormParserError:  # a boundary that is too long
            raise HTTPException(400) from None

    async def __aiter__(self) -> AsyncIterator[Part]:
        seen = 0
        while await self._more():
            event = self._events.popleft()
            if isinstance(event, _Begin):
                seen += 1
                if seen > PARTS_MAX:
                    raise HTTPException(400)
                part = Part(event, self)
                yield part
                await part.pass_over()

    async def event(self) -> _Event:
        if not await self._more():
            raise HTTPException(400)
        return self._events.popleft()

    async def _more(self) -> bool:
        """False at the end."""
        while not self._events:
            chunk = await anext(self._stream, None)
            if chunk is None:
                return False
            try:
                self._parser.write(chunk)
            except self._broken:
                raise HTTPException(400) from None
        return True

    # — what the parser finds ———————————————————————————————————————————————————

    def _part_began(self) -> None:
        self._headers = {}

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_over(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def _headers_over(self) -> None:
        from python_multipart.multipart import parse_options_header

        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        filename = options.get(b"filename")
        self._events.append(
            _Begin(_text(options.get(b"name", b"")), None if filename is None else _text(filename))
        )

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(data[start:end])

    def _part_over(self) -> None:
        self._events.append(_End())


def _text(raw: bytes) -> str:
    """As browsers write names: UTF-8, with the three signs escaped that would end a name."""
    text = raw.decode("utf-8", "replace")
    for sign, escaped in (('"', "%22"), ("\r", "%0D"), ("\n", "%0A")):
        text = text.replace(escaped, sign)
    return text
