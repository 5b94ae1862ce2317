"""The shape of the package: imports point one way, and the filter's start-up stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "git_theta"

#: Layers from the bottom; a module may import from its own layer's entry or from those before it.
LAYERS = [
    {"errors", "runtime", "config", "memory", "progress", "workers"},
    {"settings", "registry"},
    {"model"},
    {"arrays", "cost", "statistics"},
    {"formats", "codecs", "store"},
    {"updates"},
    {"values"},
    {"bases", "choose"},
    {"nearest"},
    {"keep"},
    {"encoding", "strategies", "merges", "legacy"},
    {"checkpoint_file", "fingerprint"},
    {"clean", "smudge", "diff", "contracts", "testing"},
    {"merge"},
    {"merging"},
    {"sideload"},
    {"report"},
    {"mergetool"},
    {"git"},
    {"api", "demo"},
    {"cli"},
    {"__main__", "__init__"},
]

#: Plugin kinds and the store don't know of each other.
SIBLINGS = [{"formats", "codecs", "store"}]


def part(module: str) -> str:
    pieces = module.split(".")
    return pieces[1] if len(pieces) > 1 else "__init__"


def layer(name: str) -> int:
    return next(level for level, names in enumerate(LAYERS) if name in names)


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("git_theta"):
            if node.module == "git_theta":
                found |= {
                    f"git_theta.{alias.name}" for alias in node.names if not alias.name.startswith("__")
                }
            else:
                found.add(node.module)
    return {part(module) for module in found}


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_imports_point_one_way(path: Path) -> None:
    relative = path.relative_to(PACKAGE)
    own = relative.parts[0].removesuffix(".py")
    if own == "__init__":
        return
    for other in imports(path) - {own}:
        assert layer(other) < layer(own), f"{own} imports {other}"
        for kinds in SIBLINGS:
            assert not {own, other} <= kinds, f"{own} imports {other}"


def test_the_filter_starts_without_heavy_modules() -> None:
    code = "import sys, git_theta.git.drivers.filter_main; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    heavy = {"numpy", "ml_dtypes", "torch", "click", "rich", "git", "zstandard", "_hashlib"}
    assert not heavy & set(loaded.split())


def test_help_starts_without_heavy_modules() -> None:
    code = "import sys, git_theta.cli; git_theta.cli.main(['--help']); print(*sys.modules, file=sys.stderr)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr
    assert not {"numpy", "ml_dtypes", "torch", "rich"} & set(loaded.split())
