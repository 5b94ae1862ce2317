from __future__ import annotations

import pytest

from git_theta.git.migrate.attributes import (
    Target,
    assign_patterns,
    complete_lines,
    pattern_at_top,
    pattern_in_folder,
    patterns_of,
    switch_filter,
)

LFS = "filter=lfs diff=lfs merge=lfs -text"
THETA = "filter=theta diff=theta merge=theta -text"


def test_a_filter_has_the_patterns_of_its_last_lines() -> None:
    text = f'*.a {LFS}\n# *.b {LFS}\n"with space" {LFS}\n*.a -filter\n[attr]c filter=lfs\n*.d c\n'
    assert patterns_of(text, "lfs") == ["with space"]


def test_lines_are_switched_in_their_places() -> None:
    text = f"*.png {LFS}\r\n*.pt {LFS} lockable\r\nold/*.pt -filter\r\n"
    assert switch_filter(text, "lfs", "theta", {"*.pt"}) == (
        f"*.png {LFS}\r\n*.pt {THETA} lockable\r\nold/*.pt -filter\r\n"
    )


@pytest.mark.parametrize(
    ("target", "wanted"),
    [("lfs", f"# models\n*.pt {LFS} lockable\n*.bin {LFS}\n"), ("plain", "# models\n*.pt lockable\n")],
)
def test_lines_of_ours_go_with_what_belongs_to_them(target: Target, wanted: str) -> None:
    text = f"# models\n*.pt {THETA} theta-update=dense lockable\n*.bin {THETA}\n"
    assert switch_filter(text, "theta", target) == wanted


def test_lines_of_version_0_2_are_completed() -> None:
    assert complete_lines("*.pt filter=theta diff=theta merge=theta\n") == f"*.pt {THETA}\n"
    assert complete_lines(text := "*.pt filter=theta -diff text\n") == text


@pytest.mark.parametrize(
    ("text", "pattern", "target", "wanted"),
    [
        ("", "*.pt", "theta", f"*.pt {THETA}\n"),
        ("a b", "*.pt", "theta", f"a b\n*.pt {THETA}\n"),
        (f"*.pt {LFS} x\n# end\n", "*.pt", "theta", f"*.pt {THETA} x\n# end\n"),
        # A later line would win.
        (f"*.pt {LFS}\nm* {LFS}\n", "*.pt", "theta", f"m* {LFS}\n*.pt {THETA}\n"),
        (f"*.pt {LFS}\n*.png {LFS}\n", "*.pt", "theta", f"*.pt {THETA}\n*.png {LFS}\n"),
        (f"*.pt {THETA}\n", "*.pt", "plain", ""),
        (f"*.pt {THETA}\n", "old/*.pt", "plain", f"*.pt {THETA}\nold/*.pt !filter !diff !merge !text\n"),
        (f"*.pt {THETA}\n", "old/*.pt", "lfs", f"*.pt {THETA}\nold/*.pt {LFS}\n"),
        (f"*.pt {THETA}\n", "*.safetensors", "plain", f"*.pt {THETA}\n"),
        (f"*.pt {LFS}\n", "a b.pt", "theta", f'*.pt {LFS}\n"a b.pt" {THETA}\n'),
    ],
)
def test_a_pattern_is_included(text: str, pattern: str, target: Target, wanted: str) -> None:
    assert assign_patterns({"": text}, [pattern], target) == {"": wanted}


def test_files_below_that_say_otherwise_change_too() -> None:
    texts = {"": "", "models": f"*.pt {LFS}\n", "images": f"*.png {LFS}\n", "a/b": f"x.* {LFS}\n"}
    found = assign_patterns(texts, ["*.pt"], "theta")
    assert found["models"] == f"*.pt {THETA}\n"
    assert found["images"] == texts["images"]
    assert found["a/b"] == f"x.* {LFS}\n*.pt {THETA}\n"


@pytest.mark.parametrize(
    ("pattern", "folder", "wanted"),
    [
        ("*.pt", "a/b", "*.pt"),
        ("/*.pt", "a", None),
        ("a/*.pt", "a", "/*.pt"),
        ("/a/b/*.pt", "a", "b/*.pt"),
        ("a/*.pt", "b", None),
        ("**/c/*.pt", "a", "**/c/*.pt"),
        ("a/**/*.pt", "a/b", "**/*.pt"),
        ("*/b/*.pt", "a", "b/*.pt"),
    ],
)
def test_patterns_move_down(pattern: str, folder: str, wanted: str | None) -> None:
    assert pattern_in_folder(pattern, folder) == wanted


@pytest.mark.parametrize(
    ("pattern", "folder", "wanted"),
    [("*.pt", "", "*.pt"), ("*.pt", "a[1]", "/a\\[1]/**/*.pt"), ("/b/*.pt", "a", "/a/b/*.pt")],
)
def test_patterns_move_up(pattern: str, folder: str, wanted: str) -> None:
    assert pattern_at_top(pattern, folder) == wanted
