"""`python -m chatserver` is the `chatserver` command."""

from __future__ import annotations

from chatserver.cli.main import main

if __name__ == "__main__":
    main()
