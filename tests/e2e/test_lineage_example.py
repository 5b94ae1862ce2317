"""The story of a family of models in the documentation, told anew."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

STORY = Path(__file__).parents[2] / "docs" / "examples" / "lineage" / "story.sh"


@pytest.mark.slow
def test_the_story_ends_well(tmp_path: Path) -> None:
    for module in ("torch", "sklearn", "matplotlib"):
        pytest.importorskip(module)
    folder, plot = tmp_path / "family", tmp_path / "plot.svg"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    told = subprocess.run(
        ["bash", STORY, folder, plot],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path},
        check=False,
    )
    assert told.returncode == 0, told.stderr
    chapters = dict(part.split("\n", 1) for part in told.stdout.split("\n## ")[1:])
    assert "not accepted" in chapters["An update that isn't taken"]
    found = chapters["The version that broke it"]
    assert "Read images as bytes\n    base/model.safetensors: the first version that fails accuracy" in found
    repaired = chapters["The repair"]
    assert "6 models made, and committed" in repaired
    assert "not accepted" not in repaired
    assert plot.read_bytes().startswith(b"<?xml")
    status = ["git", "-C", folder, "status", "--porcelain"]
    assert subprocess.run(status, capture_output=True, check=True).stdout == b""
