"""Writes widget/src/wire.ts from chatserver/realtime/wire.py: `python scripts/wire_types.py`; with `--check` only looks.

Names are those of wire.py, but where TypeScript has a global of that name (RENAMED). A field is optional where the server
leaves defaults out, or lets a client do so.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import msgspec

from chatserver.core import classification, errors, files, inactivity, people, tickets
from chatserver.realtime import close_codes, wire

TARGET = Path(__file__).resolve().parent.parent / "widget" / "src" / "wire.ts"
WIDTH = 110
HEADER = """\
// Generated from chatserver/realtime/wire.py by scripts/wire_types.py: change it there. docs/protocol.md explains it.
"""
RENAMED = {"Error": "ErrorFrame", "Request": "RequestFrame"}
PRECISER = {
    ("CustomerChanged", "patch"): "Partial<CustomerTicket>",
    ("AgentChangedFrame", "patch"): "Partial<AgentTicket>",
}
"""What wire.py cannot say."""
ALIASES: dict[str, Any] = {
    "Code": errors.WireCode,
    "FieldCode": errors.FieldCode,
    "Source": classification.Source,
    "State": tickets.State,
    "Mode": tickets.Mode,
    "CloseReason": tickets.CloseReason,
    "By": tickets.By,
    "Kind": tickets.Kind,
    "FileKind": files.FileKind,
    "Status": people.Status,
    "Turn": inactivity.Turn,
    "Waits": wire.Waits,
}
UNIONS: dict[str, Any] = {
    "CustomerFrame": wire.CustomerFrame,
    "AgentFrame": wire.AgentFrame,
    "CustomerServerFrame": wire.CustomerServerFrame,
    "AgentServerFrame": wire.AgentServerFrame,
}
CONSTANTS = ("VERSION", "MAX_FRAME_BYTES", "PAGE", "REPLAY", "SNAPSHOT")
LITERALS = {frozenset(get_args(literal)): name for name, literal in ALIASES.items()}


def typescript() -> str:
    """The whole file as text: the same for the same sources."""
    structs = _structs()
    parts = [HEADER]
    parts.append("".join(f"export const {name} = {getattr(wire, name)};\n" for name in CONSTANTS))
    parts.append(_close_codes())
    parts.extend(_union(name, [f'"{v}"' for v in get_args(literal)]) for name, literal in ALIASES.items())
    parts.extend(_interface(struct) for struct in structs)
    parts.extend(_union(name, [_name(m) for m in get_args(union)]) for name, union in UNIONS.items())
    return "\n".join(parts)


def _structs() -> list[type[msgspec.Struct]]:
    """Every struct that a frame reaches, each after those that it holds."""
    found: dict[type[msgspec.Struct], None] = {}

    def visit(info: Any) -> None:
        if isinstance(info, msgspec.inspect.StructType) and info.cls not in found:
            for field in info.fields:
                visit(field.type)
            found[info.cls] = None
        for inner in (
            *getattr(info, "types", ()),
            getattr(info, "item_type", None),
            getattr(info, "value_type", None),
        ):
            if inner is not None:
                visit(inner)

    for union in UNIONS.values():
        for member in get_args(union):
            visit(msgspec.inspect.type_info(member))
    return list(found)


def _interface(struct: type[msgspec.Struct]) -> str:
    info = msgspec.inspect.type_info(struct)
    if not isinstance(info, msgspec.inspect.StructType):
        raise TypeError(f"{struct} is no struct")
    notes = _field_notes(struct)
    lines = [*_comment(_own_doc(struct), ""), f"export interface {_name(struct)} {{"]
    if info.tag is not None:
        lines.append(f'  {info.tag_field}: "{info.tag}";')
    for field in info.fields:
        lines.extend(_comment(notes.get(field.name, ""), "  "))
        optional = struct.__struct_config__.omit_defaults and not field.required
        kind = PRECISER.get((struct.__name__, field.name)) or _type(field.type)
        lines.append(f"  {field.encode_name}{'?' if optional else ''}: {kind};")
    return "\n".join([*lines, "}"]) + "\n"


def _type(info: Any) -> str:
    match info:
        case msgspec.inspect.StructType(cls=cls):
            return _name(cls)
        case msgspec.inspect.LiteralType(values=values):
            alias = LITERALS.get(frozenset(values))
            return alias or " | ".join(f'"{value}"' for value in values)
        case msgspec.inspect.UnionType(types=types):
            return " | ".join(sorted((_type(t) for t in types), key=lambda t: t == "null"))
        case msgspec.inspect.ListType(item_type=item) | msgspec.inspect.VarTupleType(item_type=item):
            return f"{_type(item)}[]"
        case msgspec.inspect.DictType(value_type=value):
            return f"Record<string, {_type(value)}>"
        case msgspec.inspect.StrType():
            return "string"
        case msgspec.inspect.BoolType():
            return "boolean"
        case msgspec.inspect.IntType() | msgspec.inspect.FloatType():
            return "number"
        case msgspec.inspect.NoneType():
            return "null"
        case msgspec.inspect.AnyType():
            return "unknown"
    raise TypeError(f"no TypeScript for {info}")


def _close_codes() -> str:
    notes = _notes(ast.parse(inspect.getsource(close_codes)).body)
    lines = [
        "/** Why a socket was closed: below 4500 come back (with jitter), from 4500 on stop and say so. */"
    ]
    lines.append("export const CLOSE = {")
    for name, value in vars(close_codes).items():
        if name.isupper():
            lines.extend(_comment(notes.get(name, ""), "  "))
            lines.append(f"  {name}: {value},")
    return "\n".join([*lines, "} as const;"]) + "\n"


def _union(name: str, members: list[str]) -> str:
    line = f"export type {name} = {' | '.join(members)};"
    if len(line) > WIDTH:
        line = f"export type {name} =" + "".join(f"\n  | {member}" for member in members) + ";"
    return line + "\n"


def _name(struct: type) -> str:
    return RENAMED.get(struct.__name__, struct.__name__)


def _own_doc(struct: type) -> str:
    """Without the docstring that Python would inherit."""
    return inspect.cleandoc(struct.__dict__.get("__doc__") or "")


def _field_notes(struct: type) -> dict[str, str]:
    node = ast.parse(textwrap.dedent(inspect.getsource(struct))).body[0]
    return _notes(node.body) if isinstance(node, ast.ClassDef) else {}


def _notes(body: list[ast.stmt]) -> dict[str, str]:
    """The strings that stand below annotated names."""
    found = {}
    for above, below in pairwise(body):
        if isinstance(above, ast.AnnAssign) and isinstance(above.target, ast.Name):
            match below:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    found[above.target.id] = inspect.cleandoc(text)
    return found


def _comment(text: str, indent: str) -> Iterator[str]:
    words = " ".join(text.replace("*/", "* /").split())
    if not words:
        return
    if len(indent) + len(words) + 7 <= WIDTH:
        yield f"{indent}/** {words} */"
        return
    yield f"{indent}/**"
    yield from (f"{indent} * {line}" for line in textwrap.wrap(words, WIDTH - len(indent) - 3))
    yield f"{indent} */"


def main() -> int:
    wanted = typescript()
    if sys.argv[1:] == ["--check"]:
        fresh = TARGET.exists() and TARGET.read_text(encoding="utf-8") == wanted
        if not fresh:
            print(f"{TARGET.name} is stale: run python scripts/wire_types.py", file=sys.stderr)
        return 0 if fresh else 1
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
