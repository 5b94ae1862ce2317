"""The documentation: generated pages are up to date, the manual is valid, and links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from git_theta.cli import COMMANDS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
TEXTS = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])

#: `[text](target)`, with the target's anchor apart.
_LINK = re.compile(r"\]\(([^)#\s]*)(#[^)\s]*)?\)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


@pytest.fixture(scope="module")
def make() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("docs_make", DOCS / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # A dataclass looks its own module up.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_generated_pages_are_up_to_date(make: ModuleType) -> None:
    old = [
        str(path)
        for path, text in make.outputs().items()
        if not (DOCS / path).exists() or (DOCS / path).read_text(encoding="utf-8") != text
    ]
    assert not old, f"run `python docs/make.py`: {old}"


def test_every_page_and_extra_has_a_command() -> None:
    names = {path.stem for path in (DOCS / "commands").rglob("*.md")}
    assert names == set(COMMANDS)


def test_lines_of_the_manual_are_no_accidental_requests(make: ModuleType) -> None:
    assert make._roff(".x") == "\\&.x"
    assert make._roff("'a' -b \\n") == "\\(aqa\\(aq \\-b \\en"


@pytest.mark.skipif(not shutil.which("man"), reason="man isn't installed")
def test_the_manual_has_no_warnings() -> None:
    page = str(DOCS / "man" / "git-theta.1")
    done = subprocess.run(["man", "--warnings", "-l", page], capture_output=True, text=True)
    if "invalid option" in done.stderr or "unrecognized option" in done.stderr:
        pytest.skip("this man has no --warnings")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "EXIT STATUS" in done.stdout


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    # An extra is shown as part of the command's page, one folder up.
    folder = page.parent.parent if page.parent.name == "extra" else page.parent
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    for target, anchor in _LINK.findall(text):
        if "://" in target or target.startswith("mailto:"):
            continue
        linked = folder / target if target else page
        assert linked.exists(), f"{target} doesn't exist"
        if anchor and linked.suffix == ".md":
            assert anchor in _anchors(linked), f"{target}{anchor} doesn't exist"


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {"#" + re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_promises_of_security_name_tests_that_exist() -> None:
    text = (DOCS / "security.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and line.rstrip().endswith("` |")]
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text)
    assert len(rows) > 20
    assert all("`tests/" in row for row in rows)
    for path, function in named:
        source = (ROOT / path).read_text(encoding="utf-8")
        assert not function or f"def {function}(" in source, f"{path}::{function}"
