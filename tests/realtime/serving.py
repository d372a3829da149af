"""A server process of its own, to be stopped from outside: `python -m tests.realtime.serving DIRECTORY` prints its port."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.realtime.chat import serving


async def main(where: Path) -> None:
    async with serving(where) as chat:
        print(chat.port, flush=True)
        await chat.running


if __name__ == "__main__":
    with asyncio.Runner() as runner:
        runner.run(main(Path(sys.argv[1])))
