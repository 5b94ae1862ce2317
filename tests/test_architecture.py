"""The shape of the package: imports point one way, and the filter's start-up stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "git_theta"

#: Layers from the bottom. A module imports from its own entry or from layers before it.
LAYERS = [
    {"errors", "limits", "version", "runtime", "entry_points"},
    {"settings", "registry", "small_file", "table_reader", "yaml_file"},
    {"model"},
    {"formats", "codecs", "store", "adapters"},
    {"updates"},
    {"sketches"},
    {"encoding", "strategies", "legacy"},
    {"replanning"},
    {"checkpoint_file", "file_writer", "sharding"},
    {"lineage"},
    {"evaluation"},
    {"bisection"},
    {"cascade"},
    {"jobs"},
    {"clean", "smudge", "diff", "testing"},
    {"merging"},
    {"sideload", "combine"},
    {"lossy"},
    {"export"},
    {"report"},
    {"mergetool"},
    {"git"},
    {"api", "demo"},
    {"api_merge", "api_lineage", "api_evaluation"},
    {"cli"},
    {"__main__", "__init__"},
]

#: Wings of `git/` from the ground up. A module imports from its own wing or from wings before it.
WINGS = [
    "plumbing",
    "repository",
    "install",
    "remote",
    "history",
    "lineage",
    "evaluation",
    "jobs",
    "maintenance",
    "worktree",
    "lossy",
    "merge",
    "bisection",
    "cascade",
    "migrate",
    "drivers",
]


#: Modules that still import each other. Take out what no longer does; add nothing.
CIRCLES = []


#: Test modules that mirror no module of the package, and what they test.
UNMIRRORED = {
    "prose": "docstrings of all folders",
    "architecture": "the package",
    "docs": "pages and the manual",
    "examples": "the example package of plugins",
    "golden": "files of earlier versions",
    "laws": "laws of clean and smudge",
    "combine.mergekit.run_merge": "agreement with mergekit",
    "merging.laws": "laws of merges",
    "cli.commands": "the table of commands",
    "cli.hostile": "every command",
    "cli.completion": "completions of the shell",
    "formats.pickle.libraries": "agreement with joblib and scikit-learn",
    "formats.pytorch.compose_torch": "agreement with torch",
    "formats.onnx.library": "agreement with the onnx package",
    "formats.pytorch.torch_files": "agreement with torch",
    "report.html.browser": "the page in a browser",
    "report.html.lineage.browser": "the page in a browser",
    "sideload.peft_library": "agreement with peft",
    "store.lfs.giftless": "agreement with a server",
    "strategies.contract": "every strategy",
    "strategies.mergekit": "agreement with mergekit",
    "strategies.peft": "agreement with peft",
    "strategies.robust": "extreme values in every strategy",
}


def name_of(path: Path) -> str:
    """The module's dotted name, without `git_theta`."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def imports(module: str) -> frozenset[str]:
    """Modules of the package that a module imports, lazily or not, or names as `module:class`."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("git_theta"):
            parent = node.module.removeprefix("git_theta").removeprefix(".")
            for alias in node.names:
                child = f"{parent}.{alias.name}".removeprefix(".")
                found.add(child if child in MODULES else parent)
        elif isinstance(node, ast.Import):
            found |= {alias.name.removeprefix("git_theta.") for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            other, _, name = node.value.partition(":")
            found |= {other.removeprefix("git_theta.")} if name else set()
    return frozenset((found & MODULES.keys()) - {module})


def layer(module: str) -> int:
    entry = module.partition(".")[0]
    return next(level for level, names in enumerate(LAYERS) if entry in names)


@pytest.mark.parametrize("module", [module for module in MODULES if module != "__init__"])
def test_layers_import_downwards(module: str) -> None:
    entry = module.partition(".")[0]
    for other in imports(module):
        if other.partition(".")[0] != entry:
            assert layer(other) < layer(module), f"{module} imports {other}"


@pytest.mark.parametrize("module", [module for module in MODULES if module.startswith("git.")])
def test_wings_of_git_import_downwards(module: str) -> None:
    wing = module.split(".")[1]
    for other in imports(module):
        if other.startswith("git."):
            assert WINGS.index(other.split(".")[1]) <= WINGS.index(wing), f"{module} imports {other}"


def test_no_circle_of_files() -> None:
    """Files that import each other, lazily or not, can't be read or tested on their own."""
    reached = {module: _reached(module) for module in MODULES}
    circles = sorted({module for module in MODULES if module in reached[module]})
    assert circles == CIRCLES


#: Packages that load files of theirs: all other files of theirs are imported by these alone.
LOADING = {"__init__", "legacy", "testing"}


@pytest.mark.parametrize(
    "module", [name for name in MODULES if MODULES[name].name == "__init__.py" and name not in LOADING]
)
def test_a_package_loads_without_its_files(module: str) -> None:
    """Threads may import a package and one of its files at once, each first.

    Python locks the file and then the package, which must not wait for the file: one import would fail.
    """
    own = f"git_theta.{module}."
    for node in ast.parse(MODULES[module].read_text()).body:
        assert not (isinstance(node, ast.ImportFrom) and str(node.module).startswith(own)), ast.unparse(node)


def test_threads_import_a_package_and_its_files_at_once() -> None:
    code = """
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from threading import Barrier

names = sys.argv[1:]
start = Barrier(len(names))
sys.setswitchinterval(1e-6)
with ThreadPoolExecutor(len(names)) as pool:
    list(pool.map(lambda name: (start.wait(), import_module(name)), names))
"""
    names = ["codecs", "codecs.frames", "codecs.planes", "updates", "updates.base", "updates.dense"]
    subprocess.run([sys.executable, "-c", code, *(f"git_theta.{name}" for name in names)], check=True)


@cache
def _reached(module: str) -> frozenset[str]:
    """Modules that a module leads to; the module itself only through a circle."""
    seen: set[str] = set()
    todo = list(imports(module))
    while todo:
        other = todo.pop()
        if other not in seen:
            seen.add(other)
            todo += imports(other)
    return frozenset(seen)


#: Modules that write to stdout or stderr themselves, and the reason why their text needs no escapes.
PRINTERS = {
    "runtime.output": "escapes text for all others",
    "runtime.progress": "shows a title that it has escaped",
    "cli.render": "prints JSON in ASCII, and tables of escaped cells",
    "cli.clean": "writes the bytes of a manifest",
    "cli.smudge": "writes the bytes of a file",
    "demo.session": "shows the commands of the demo, and what these print",
    "demo.walkthrough": "prints about the demo's own files",
    "__main__": "flushes the streams",
}


@pytest.mark.parametrize("module", MODULES)
def test_text_is_printed_where_it_is_escaped(module: str) -> None:
    """Names and messages may be a stranger's; no new message can forget that."""
    if module in PRINTERS:
        return
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        forbidden = called in ("print", "click.echo", "click.secho", "Console", "rich.print")
        forbidden |= called.startswith(("sys.stdout.", "sys.stderr.", "sys.__std", "logging.", "warnings."))
        forbidden &= not called.endswith((".isatty", ".flush", ".fileno"))
        assert not forbidden, f"line {getattr(node, 'lineno', 0)}: {called}: use git_theta.runtime.output"


def test_public_classes_have_a_name_of_their_own() -> None:
    """A search for the name of a class finds one meaning."""
    modules: dict[str, list[str]] = {}
    for module, path in MODULES.items():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                modules.setdefault(node.name, []).append(module)
    assert {name: places for name, places in modules.items() if len(places) > 1} == {}


def test_test_modules_mirror_the_package() -> None:
    """`tests/git/remote/test_push.py` tests `git_theta/git/remote/push.py`."""
    tests = {
        ".".join((*path.relative_to(TESTS).parts[:-1], path.stem.removeprefix("test_")))
        for path in TESTS.rglob("test_*.py")
        if path.relative_to(TESTS).parts[0] not in ("benchmarks", "corpus", "e2e", "fuzz")
    }
    assert tests - MODULES.keys() - UNMIRRORED.keys() == set()


@pytest.mark.parametrize("path", sorted(TESTS.rglob("*.py")), ids=lambda path: str(path.relative_to(TESTS)))
def test_tests_share_helpers_alone(path: Path) -> None:
    """A test module can be moved or rewritten without a look at others; the fuzzer is a program."""
    allowed = ("tests.helpers", "tests.fuzz") if path.is_relative_to(TESTS / "fuzz") else ("tests.helpers",)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "tests":
            assert str(node.module).startswith(allowed), node.module


@pytest.mark.parametrize("module", MODULES)
def test_the_current_folder_stays(module: str) -> None:
    """Relative paths that a user gave are right at any time, in any thread. Git is run in folders instead."""
    assert "chdir" not in MODULES[module].read_text()


def test_the_filter_starts_without_heavy_modules() -> None:
    code = "import sys, git_theta.git.drivers.filter_main; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    heavy = {"numpy", "ml_dtypes", "torch", "click", "rich", "git", "zstandard", "_hashlib"}
    assert not heavy & set(loaded.split())


def test_help_starts_without_heavy_modules() -> None:
    code = "import sys, git_theta.cli; git_theta.cli.main(['--help']); print(*sys.modules, file=sys.stderr)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr
    assert not {"numpy", "ml_dtypes", "torch", "rich"} & set(loaded.split())
