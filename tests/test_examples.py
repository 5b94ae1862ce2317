"""The example package of docs/plugins.md: short, quoted as it is, and true to the contracts of its kinds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
EXAMPLE = DOCS / "examples" / "git-theta-example"
PLUGINS = sorted((EXAMPLE / "src" / "git_theta_example").glob("[!_]*.py"))


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_has_fewer_than_forty_lines(path: Path) -> None:
    assert len([line for line in path.read_text().splitlines() if line.strip()]) < 40


@pytest.mark.parametrize("path", [*PLUGINS, EXAMPLE / "pyproject.toml"], ids=lambda path: path.name)
def test_the_page_quotes_every_plugin(path: Path) -> None:
    assert f"<!-- {path.relative_to(DOCS)} -->" in (DOCS / "plugins.md").read_text()


def test_the_plugins_keep_their_contracts() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_contract.py"],
        cwd=EXAMPLE,
        env={**os.environ, "PYTHONPATH": "src", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
