"""Which way imports point. A new room needs a row here; docs/architecture.md explains the rooms."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "chatserver"
WIDGET = ROOT / "widget" / "src"

# Leaves that anybody but core may use.
LEAVES = frozenset({"extensions", "i18n", "telemetry", "metrics", "settings", "systemd"})

# room → the rooms that it may import, besides itself and the leaves
MAY_IMPORT: dict[str, frozenset[str]] = {
    "core": frozenset(),
    "store": frozenset({"core"}),
    "bus": frozenset({"core"}),
    "mail": frozenset({"core"}),
    "files": frozenset({"core"}),
    "articles": frozenset({"core"}),
    "services": frozenset({"store", "bus", "files", "mail", "articles", "core"}),
    "web": frozenset({"services", "store", "mail", "core"}),
    "realtime": frozenset({"services", "store", "bus", "core"}),
    "demo": frozenset({"services", "store", "core"}),
    "server": frozenset({"realtime"}),
    "loops": frozenset({"services", "store", "bus", "mail", "core"}),
    "incoming": frozenset({"services", "store", "files", "mail", "core"}),
    "processes": frozenset(
        {"server", "watching", "loops", "incoming", "services", "store", "bus", "files", "mail", "core"}
    ),
    "watching": frozenset({"realtime", "loops", "services", "store", "core"}),
    "extensions": frozenset(),
    "i18n": frozenset(),
    "telemetry": frozenset(),
    "metrics": frozenset(),
    "systemd": frozenset(),
    "settings": frozenset({"core"}),
}
# They know every room; nobody but they may know them.
KNOW_EVERYTHING = frozenset({"app", "cli", "__main__"})

# core decides; it neither waits nor looks at a clock nor reaches outside.
CORE_PACKAGES = frozenset({"msgspec", "holidays", "stdnum"})
CORE_NEVER = frozenset(
    {"asyncio", "concurrent", "logging", "os", "pathlib", "random", "secrets", "socket", "sqlite3", "ssl"}
    | {"subprocess", "tempfile", "threading", "time", "urllib", "uuid"}
)

WIDGET_MAY_IMPORT: dict[str, frozenset[str]] = {
    "loader": frozenset({"host-messages", "sdk"}),
    "sdk": frozenset(),
    "host-messages": frozenset(),
    "wire": frozenset(),
    "line": frozenset({"wire"}),
    "connection": frozenset({"wire", "ui", "line"}),
    "state": frozenset({"wire"}),
    "ui": frozenset({"state", "wire"}),
    "frame": frozenset({"state", "connection", "wire", "ui", "host-messages"}),
    "console": frozenset({"state", "connection", "wire", "ui", "host-messages"}),
    "portal": frozenset({"ui"}),
}
# They run on somebody else's page, or must stay small: no package at all.
WITHOUT_PACKAGES = frozenset({"loader", "host-messages", "wire"})

TYPESCRIPT_IMPORT = re.compile(
    r"""^\s*(?:import|export)\b[^"';]*?\bfrom\s*["']([^"']+)["']"""  # import … from "x", export … from "x"
    r"""|^\s*import\s*["']([^"']+)["']"""  # import "x"
    r"""|\bimport\(\s*["']([^"']+)["']""",  # import("x")
    re.MULTILINE,
)


def python_files(directory: Path = PACKAGE) -> list[Path]:
    return sorted(directory.rglob("*.py"))


def python_room(file: Path) -> str:
    """The room of a file: its directory or module right below the package; "" for the package itself."""
    first = file.relative_to(PACKAGE).parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def imported_modules(file: Path) -> Iterator[str]:
    """Dotted names of all that a file imports, wherever in it, types-only imports included."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: relative import"
            module = node.module or ""
            # `from chatserver import store` names a room as well
            yield from (f"{module}.{alias.name}" for alias in node.names)


def imported_rooms(file: Path) -> set[str]:
    """Our rooms that a file imports; names of the package itself (its version) are no room."""
    rooms = {path.stem for path in PACKAGE.iterdir()}
    parts = [module.split(".") for module in imported_modules(file)]
    return {part[1] for part in parts if part[0] == "chatserver" and len(part) > 1 and part[1] in rooms}


def test_every_room_has_a_row() -> None:
    rooms = {python_room(file) for file in python_files()} - {""}
    new = rooms - MAY_IMPORT.keys() - KNOW_EVERYTHING
    assert not new, f"no row says what these may import: {sorted(new)}"
    gone = (MAY_IMPORT.keys() | KNOW_EVERYTHING) - rooms
    assert not gone, f"no such room: {sorted(gone)}"


def test_imports_point_the_right_way() -> None:
    wrong = []
    for file in python_files():
        room = python_room(file)
        if room in KNOW_EVERYTHING:
            continue
        allowed = MAY_IMPORT.get(room, frozenset()) | {room}
        if room != "core":
            allowed |= LEAVES
        wrong += [
            f"{file.relative_to(ROOT)} imports {other}" for other in sorted(imported_rooms(file) - allowed)
        ]
    assert not wrong, "\n".join(wrong)


def test_core_uses_nothing_but_calculators() -> None:
    wrong = []
    for file in python_files(PACKAGE / "core"):
        for module in imported_modules(file):
            top = module.split(".")[0]
            calculator = top in CORE_PACKAGES or top in sys.stdlib_module_names - CORE_NEVER
            if top != "chatserver" and not calculator:
                wrong.append(f"{file.relative_to(ROOT)} imports {module}")
    assert not wrong, "\n".join(wrong)


def test_core_neither_waits_nor_looks_at_the_clock() -> None:
    wrong = []
    for file in python_files(PACKAGE / "core"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            waits = isinstance(node, ast.AsyncFunctionDef | ast.Await)
            looks = (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in {"now", "today", "utcnow"}
            )
            if waits or looks:
                wrong.append(f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}")
    assert not wrong, "\n".join(wrong)


def widget_files() -> list[Path]:
    return sorted(file for pattern in ("*.ts", "*.tsx") for file in WIDGET.rglob(pattern))


def widget_room(path: Path) -> str:
    return path.relative_to(WIDGET).parts[0].split(".")[0]


def widget_imports(file: Path) -> list[str]:
    return [
        next(filter(None, found)) for found in TYPESCRIPT_IMPORT.findall(file.read_text(encoding="utf-8"))
    ]


def test_every_room_of_the_widget_has_a_row() -> None:
    new = {widget_room(file) for file in widget_files()} - WIDGET_MAY_IMPORT.keys()
    assert not new, f"no row says what these may import: {sorted(new)}"


def test_imports_of_the_widget_point_the_right_way() -> None:
    wrong = []
    for file in widget_files():
        room = widget_room(file)
        for name in widget_imports(file):
            if not name.startswith("."):
                allowed = room not in WITHOUT_PACKAGES
            else:
                target = (file.parent / name).resolve()
                inside = target.is_relative_to(WIDGET)
                allowed = inside and widget_room(target) in WIDGET_MAY_IMPORT.get(room, frozenset()) | {room}
            if not allowed:
                wrong.append(f"{file.relative_to(ROOT)} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_the_walk_sees_every_way_to_import(tmp_path: Path) -> None:
    python = tmp_path / "module.py"
    python.write_text("import a.b\nfrom c import d\ndef f():\n    from e.g import h\n")
    assert list(imported_modules(python)) == ["a.b", "c.d", "e.g.h"]
    typescript = tmp_path / "module.tsx"
    typescript.write_text(
        'import "./a.css";\nimport {\n  type B,\n} from "../b";\n'
        'export * from "./c";\nconst d = await import("./d");\n'
    )
    assert widget_imports(typescript) == ["./a.css", "../b", "./c", "./d"]
