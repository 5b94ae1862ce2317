from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.repository import gitattributes

THETA = "filter=theta diff=theta merge=theta -text"
DENSE = {"theta-update": "dense"}
BOTH = {"theta-update": "dense", "theta-merge": "ties"}
patterns = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]), min_size=1
).filter(
    lambda text: (
        not text.startswith("!")
        and text.strip() == text
        and not text.endswith("/")
        and not text.startswith("[attr]")
    )
)


def test_adds_a_line_and_keeps_the_rest() -> None:
    assert gitattributes.track("", ["*.pt"]) == (f"*.pt {THETA}\n", ["*.pt"])
    assert gitattributes.track("# note\r\n*.c text", ["*.pt"])[0] == f"# note\r\n*.c text\r\n*.pt {THETA}\r\n"
    assert gitattributes.track(f"*.pt {THETA}\n", ["*.pt"]) == (f"*.pt {THETA}\n", [])


def test_takes_a_pattern_over_from_another_filter() -> None:
    text, added = gitattributes.track("*.pt filter=lfs diff=lfs merge=lfs -text lockable\n", ["*.pt"])
    assert text == f"*.pt {THETA} lockable\n"
    assert added == ["*.pt"]


def test_untrack_removes_what_track_added() -> None:
    text = f"*.c text\n*.pt {THETA}\n*.bin {THETA} lockable\n"
    assert gitattributes.untrack(text, ["*.pt", "*.bin", "*.c"]) == (
        "*.c text\n*.bin lockable\n",
        ["*.pt", "*.bin"],
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"*.pt {THETA} theta-update=dense\n"),
        (f"*.pt {THETA}\n", f"*.pt {THETA} theta-update=dense\n"),
        (f"*.pt theta-update=auto {THETA} x=y\r\n", f"*.pt {THETA} x=y theta-update=dense\r\n"),
        ("*.pt filter=lfs theta-update=auto", f"*.pt {THETA} theta-update=dense"),
        (f"*.pt {THETA}\n*.pt theta-update=auto\n", f"*.pt {THETA}\n*.pt theta-update=dense\n"),
        (f"*.pt {THETA} -theta-update\n", f"*.pt {THETA} theta-update=dense\n"),
    ],
)
def test_an_update_is_written_once(before: str, after: str) -> None:
    text, added = gitattributes.track(before, ["*.pt"], DENSE)
    assert (text, added) == (after, ["*.pt"])
    assert gitattributes.value_of(text, "*.pt", "theta-update") == "dense"
    assert gitattributes.track(text, ["*.pt"], DENSE) == (text, [])
    assert gitattributes.track(text, ["*.pt"]) == (text, [])


def test_untrack_removes_an_update_with_the_rest() -> None:
    text = f"*.bin theta-update=dense\n*.pt {THETA} theta-update=dense\n*.pth {THETA} x theta-update=dense\n"
    kept = "*.bin theta-update=dense\n*.pth x\n"
    assert gitattributes.untrack(text, ["*.bin", "*.pt", "*.pth"]) == (kept, ["*.pt", "*.pth"])


def test_two_values_are_written_and_removed() -> None:
    text, _ = gitattributes.track("", ["*.pt"], BOTH)
    assert text == f"*.pt {THETA} theta-update=dense theta-merge=ties\n"
    assert gitattributes.track(text, ["*.pt"], BOTH) == (text, [])
    assert gitattributes.track(text, ["*.pt"], DENSE) == (text, [])
    changed, added = gitattributes.track(text, ["*.pt"], {"theta-merge": "slerp,t=0.2"})
    assert changed == f"*.pt {THETA} theta-update=dense theta-merge=slerp,t=0.2\n"
    assert added == ["*.pt"]
    assert gitattributes.untrack(changed, ["*.pt"]) == ("", ["*.pt"])


@pytest.mark.parametrize(
    ("text", "update"),
    [
        (f"*.pt {THETA}\n", None),
        (f"*.pt {THETA} theta-update\n", None),
        (f"*.pt {THETA} theta-update=a theta-update=b\n", "b"),
        (f"*.pt {THETA} theta-update=a\n*.pt -theta-update\n", None),
        (f"*.bin {THETA} theta-update=a\n", None),
    ],
)
def test_the_last_update_counts(text: str, update: str | None) -> None:
    assert gitattributes.value_of(text, "*.pt", "theta-update") == update


def test_an_update_counts_for_the_length_of_a_line() -> None:
    assert gitattributes.track("", ["x" * 1800], {"theta-update": "delta"})[1]
    with pytest.raises(UsageError, match="too long"):
        gitattributes.track("", ["x" * 1800], {"theta-update": "delta," * 40})


def test_the_last_line_counts() -> None:
    text = f"*.pt {THETA}\n*.pt filter=lfs\n*.bin {THETA}\n[attr]x filter=theta\n"
    assert gitattributes.tracked_patterns(text) == ["*.bin"]


@given(st.lists(patterns, unique=True, max_size=4), st.text(max_size=50))
def test_untrack_undoes_track(chosen: list[str], before: str) -> None:
    before = "".join(f"# {line}\n" for line in before.splitlines())
    text, added = gitattributes.track(before, chosen)
    assert added == chosen
    assert gitattributes.tracked_patterns(text) == chosen
    assert gitattributes.untrack(text, chosen) == (before, chosen)


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("*.pt binary lockable", " lockable"),
        ("*.pt filter=theta", ""),
        ("*.pt filter=theta diff=theta merge=theta -text binary", ""),
        ("*.pt -filter text eol=crlf working-tree-encoding=UTF-16 ident x=y", " x=y"),
    ],
)
def test_attributes_that_harm_are_replaced(line: str, kept: str) -> None:
    text = f"*.pt {THETA}{kept}\n"
    assert gitattributes.track(f"{line}\n", ["*.pt"]) == (text, ["*.pt"])
    assert gitattributes.track(text, ["*.pt"]) == (text, [])


def test_a_pattern_that_starts_with_a_bracket_is_not_a_macro() -> None:
    text, _ = gitattributes.track("[ab].pt filter=lfs\n[attr]m filter=lfs\n", ["[ab].pt"])
    assert gitattributes.tracked_patterns(text) == ["[ab].pt"]
    assert text.splitlines()[1:] == ["[attr]m filter=lfs"]


@pytest.mark.parametrize("pattern", ["", "!x.pt", "models/", "[attr]x", "x\0", "x" * 2000])
def test_patterns_that_git_would_not_take(pattern: str) -> None:
    with pytest.raises(UsageError):
        gitattributes.track("", [pattern])


def test_bytes_that_are_not_utf8_stay(tmp_path: Path) -> None:
    path = tmp_path / ".gitattributes"
    before = b"caf\xe9 text\r\n\x0c\x1c*.c text\n\n# end"
    path.write_bytes(before)
    gitattributes.write(path, gitattributes.track(gitattributes.read(path), ["*.pt"])[0])
    assert path.read_bytes() == before + f"\r\n*.pt {THETA}\r\n".encode()


def test_finds_every_attributes_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "repo"
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    real = tmp_path / "dotfiles" / "attributes"
    files = [root / ".gitattributes", root / "a b" / "ü" / ".gitattributes", real]
    for file in (*files, root / ".git" / "info" / "attributes"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"*.pt {THETA}\n")
    (tmp_path / "xdg" / "git").mkdir(parents=True)
    (tmp_path / "xdg" / "git" / "attributes").symlink_to(real)
    (root / "linked").mkdir()
    (root / "linked" / ".gitattributes").symlink_to(real)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    found = gitattributes.attribute_files(root, Git(root))
    assert found == [*files[:2], root / ".git" / "info" / "attributes", real]
    assert [gitattributes.tracked_patterns(gitattributes.read(path)) for path in found] == [["*.pt"]] * 4


def test_a_line_overrules_an_encoding_of_weaker_lines() -> None:
    before = "* working-tree-encoding=UTF-16\n*.pt filter=theta diff=theta merge=theta -text eol=lf x\n"
    text, added = gitattributes.track(before, ["*.pt"], keep_encoding=True)
    line = f"*.pt {THETA} !working-tree-encoding x\n"
    assert (text, added) == (f"* working-tree-encoding=UTF-16\n{line}", ["*.pt"])
    for keep_encoding in (True, False):
        assert gitattributes.track(text, ["*.pt"], keep_encoding=keep_encoding) == (text, [])
    assert gitattributes.untrack(line, ["*.pt"]) == ("*.pt x\n", ["*.pt"])


def test_whether_an_attributes_file_asks_for_an_encoding(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    own = tmp_path / ".git" / "info" / "attributes"
    own.parent.mkdir(exist_ok=True)
    own.write_text("*.pt !working-tree-encoding\n")
    assert not gitattributes.asks_for_encoding(tmp_path, Git(tmp_path))
    own.write_text("[attr]wide working-tree-encoding=UTF-16\n")
    assert gitattributes.asks_for_encoding(tmp_path, Git(tmp_path))


@pytest.mark.parametrize(
    "name",
    [
        "plain.pt",
        "with space.pt",
        "-dash.pt",
        "#hash.pt",
        'quo"te.pt',
        "ünï.pt",
        "tab\there.pt",
        "[x].pt",
        "new\nline.pt",
        "\x0b\x01.pt",
        "bell\a.pt",
    ],
)
def test_git_reads_what_is_written(tmp_path: Path, name: str) -> None:
    pattern = name.replace("[", "\\[")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    gitattributes.write(tmp_path / ".gitattributes", gitattributes.track("", [pattern])[0])
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
        gitattributes.read(tmp_path / ".gitattributes")


def test_writing_keeps_permissions(tmp_path: Path) -> None:
    path = tmp_path / ".gitattributes"
    path.touch()
    path.chmod(0o640)
    gitattributes.write(path, "x\n")
    assert path.stat().st_mode & 0o777 == 0o640
    assert [p.name for p in tmp_path.iterdir()] == [".gitattributes"]
