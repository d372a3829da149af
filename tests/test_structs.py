"""Structs that the garbage collector does not look into: a circle through one of them would stay for ever."""

from __future__ import annotations

import datetime
import enum
import functools
import importlib
import pkgutil
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any

import msgspec
import pytest

import chatserver

DATA = (str, int, float, bool, bytes, types.NoneType, enum.Enum, datetime.date, datetime.time, msgspec.Raw)
LOOKED_AT = {
    "Recent.to": "other nodes hold texts, numbers and bits, though in a class of their own",
    "Differences.plan": "constants of its module",
}
HOLD_DATA = (tuple, list, dict, set, frozenset, Mapping, Sequence, typing.Union, types.UnionType)


def unseen() -> Iterator[type[msgspec.Struct]]:
    """Of the whole package."""
    for module in pkgutil.walk_packages(chatserver.__path__, "chatserver."):
        if not module.name.endswith("__main__") and ".migrations." not in module.name:
            importlib.import_module(module.name)
    waiting: list[type[msgspec.Struct]] = [msgspec.Struct]
    while waiting:
        for struct in waiting.pop().__subclasses__():
            waiting.append(struct)
            if struct.__module__.startswith("chatserver.") and not struct.__struct_config__.gc:
                yield struct


@functools.cache
def is_data(hint: Any) -> bool:
    """Nothing that could be made to refer back to who holds it. Any stands for what JSON holds."""
    if hint is Any:
        return True
    origin = typing.get_origin(hint)
    if origin is typing.Literal or hint is Ellipsis:
        return True
    if origin in HOLD_DATA:
        return all(is_data(inner) for inner in typing.get_args(hint))
    if origin in (typing.Annotated, typing.ClassVar):
        return is_data(typing.get_args(hint)[0])
    if not isinstance(hint, type):
        return False
    if issubclass(hint, msgspec.Struct) or is_dataclass(hint) or hasattr(hint, "_fields"):
        return all(is_data(inner) for inner in typing.get_type_hints(hint).values())
    return issubclass(hint, DATA)


@pytest.mark.parametrize("struct", sorted(unseen(), key=str))
def test_what_the_collector_does_not_see_holds_data_only(struct: type[msgspec.Struct]) -> None:
    hints = typing.get_type_hints(struct)
    others = {f"{struct.__name__}.{name}" for name, hint in hints.items() if not is_data(hint)}
    assert not others - LOOKED_AT.keys()
