from __future__ import annotations

from git_theta.git.bisection.changed_beside import changed_beside
from git_theta.git.plumbing.command import Git
from tests.helpers.histories import History


def test_small_files_of_the_folder(made: History) -> None:
    made.commit("a", **{"m.bin": {"w": "1"}, "in/m.bin": {"w": "1"}, "in/config.json": b"{}"})
    changed: dict[str, dict[str, str] | bytes] = {
        "m.bin": {"w": "2"},
        "in/m.bin": {"w": "2"},
        "in/config.json": b"{ }",
        "in/code.py": b"x",
        "in/deeper/config.json": b"{}",
        "vocab.txt": b"x",
    }
    made.commit("b", "a", **changed)
    assert changed_beside(Git(), "in/m.bin", "a", "b") == ["in/config.json"]
    assert changed_beside(Git(), "m.bin", "a", "b") == ["vocab.txt"]
