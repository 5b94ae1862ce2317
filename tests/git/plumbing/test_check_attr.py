from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from git_theta.git.plumbing.check_attr import PathUpdates

ATTRIBUTES = """\
*.pt theta-update=dense
odd*.pt theta-update=delta,sparse
off.pt -theta-update
on.pt theta-update
none.pt !theta-update
empty.pt theta-update=
"""


@pytest.fixture
def updates(tmp_path: Path) -> Iterator[PathUpdates]:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / ".gitattributes").write_text(ATTRIBUTES)
    asked = PathUpdates(tmp_path)
    yield asked
    asked.close()


def test_values_and_what_is_none(updates: PathUpdates) -> None:
    assert updates.get("a.pt") == "dense"
    assert updates.get("odd.pt") == "delta,sparse"
    assert [updates.get(f"{name}.pt") for name in ("off", "on", "none", "empty")] == [None] * 4
    assert updates.get("a.bin") is None


@pytest.mark.parametrize(
    "name", ["a b.pt", "-a.pt", "ünï.pt", "tab\t.pt", "new\nline.pt", 'quo"te.pt', "x" * 250]
)
def test_any_name(updates: PathUpdates, name: str) -> None:
    path = f"deep/{name.removesuffix('.pt')}.pt"
    assert updates.get(path) == "dense"
    assert updates.get("odd one.pt") == "delta,sparse"


def test_one_process_answers_them_all(updates: PathUpdates, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    popen = subprocess.Popen

    def counted(*args: object, **more: object) -> object:
        started.append(args)
        return popen(*args, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", counted)
    assert [updates.get(f"{number}.pt") for number in range(100)] == ["dense"] * 100
    assert len(started) == 1


def test_the_nearest_file_counts(tmp_path: Path, updates: PathUpdates) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / ".gitattributes").write_text("*.pt theta-update=auto\n")
    assert updates.get("sub/a.pt") == "auto"
    assert updates.get("a.pt") == "dense"


def test_closing_is_final_for_nothing(updates: PathUpdates) -> None:
    updates.close()
    assert updates.get("a.pt") == "dense"
    updates.close()
    updates.close()


def test_without_a_repository_there_is_none(tmp_path: Path) -> None:
    asked = PathUpdates(tmp_path)
    assert asked.get("a.pt") is None
    asked.close()
    asked = PathUpdates(tmp_path / "nowhere")
    assert asked.get("a.pt") is None
    asked.close()
