from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import UsageError
from git_theta.git import attributes

THETA = "filter=theta diff=theta merge=theta -text"
patterns = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]), min_size=1
).filter(lambda text: not text.startswith("!") and text.strip() == text and not text.endswith("/"))


def test_adds_a_line_and_keeps_the_rest() -> None:
    assert attributes.track("", ["*.pt"]) == (f"*.pt {THETA}\n", ["*.pt"])
    assert attributes.track("# note\r\n*.c text", ["*.pt"])[0] == f"# note\r\n*.c text\r\n*.pt {THETA}\r\n"
    assert attributes.track(f"*.pt {THETA}\n", ["*.pt"]) == (f"*.pt {THETA}\n", [])


def test_takes_a_pattern_over_from_another_filter() -> None:
    text, added = attributes.track("*.pt filter=lfs diff=lfs merge=lfs -text lockable\n", ["*.pt"])
    assert text == f"*.pt {THETA} lockable\n"
    assert added == ["*.pt"]


def test_untrack_removes_what_track_added() -> None:
    text = f"*.c text\n*.pt {THETA}\n*.bin {THETA} lockable\n"
    assert attributes.untrack(text, ["*.pt", "*.bin", "*.c"]) == (
        "*.c text\n*.bin lockable\n",
        ["*.pt", "*.bin"],
    )


def test_the_last_line_counts() -> None:
    text = f"*.pt {THETA}\n*.pt filter=lfs\n*.bin {THETA}\n[attr]x filter=theta\n"
    assert attributes.tracked_patterns(text) == ["*.bin"]


@given(st.lists(patterns, unique=True, max_size=4), st.text(max_size=50))
def test_untrack_undoes_track(chosen: list[str], before: str) -> None:
    before = "".join(f"# {line}\n" for line in before.splitlines())
    text, added = attributes.track(before, chosen)
    assert added == chosen
    assert attributes.tracked_patterns(text) == chosen
    assert attributes.untrack(text, chosen) == (before, chosen)


@pytest.mark.parametrize(
    "name",
    ["plain.pt", "with space.pt", "-dash.pt", "#hash.pt", 'quo"te.pt', "ünï.pt", "tab\there.pt", "[x].pt"],
)
def test_git_reads_what_is_written(tmp_path: Path, name: str) -> None:
    pattern = name.replace("[", "\\[")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    attributes.write(tmp_path / ".gitattributes", attributes.track("", [pattern])[0])
    done = subprocess.run(
        ["git", "check-attr", "-z", "filter", "--", name],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split("\0")[2] == "theta"


def test_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".gitattributes").symlink_to("elsewhere")
    with pytest.raises(UsageError, match="symbolic link"):
        attributes.read(tmp_path / ".gitattributes")


def test_writing_keeps_permissions(tmp_path: Path) -> None:
    path = tmp_path / ".gitattributes"
    path.touch()
    path.chmod(0o640)
    attributes.write(path, "x\n")
    assert path.stat().st_mode & 0o777 == 0o640
    assert [p.name for p in tmp_path.iterdir()] == [".gitattributes"]
