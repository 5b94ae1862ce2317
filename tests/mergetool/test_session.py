"""A session with typed lines, and what it shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from git_theta.mergetool.session import MergeSession
from git_theta.merging.outcome import Conflict
from git_theta.merging.rules import MergeRule
from git_theta.report.lines import Line, plain
from tests.helpers.mergetool_backend import Backend, layers

EPOCH = Conflict("meta/epoch", "changed to different values on both sides")


def backend(count: int = 3, conflicts: tuple[Conflict, ...] = ()) -> Backend:
    return Backend(layers(count), layers(count, 1), layers(count, 2), conflicts)


def run(at: Backend, *lines: str) -> tuple[tuple[MergeRule, ...] | None, list[str]]:
    """The result of a session and the text that it shows; after the lines, the input ends."""
    typed: Iterator[str] = iter(lines)
    shown: list[str] = []

    def ask(prompt: str) -> str:
        shown.append(prompt)
        try:
            return next(typed)
        except StopIteration:
            raise EOFError from None

    def say(found: Iterable[Line]) -> None:
        shown.extend(plain(found))

    return MergeSession(at, ask, say).run(), shown


def test_the_first_page() -> None:
    _, shown = run(backend(conflicts=(EPOCH,)))
    assert shown[:6] == [
        "m.safetensors: 6 of 6 parameters changed on both sides; 1 conflict",
        "  #  changed on both sides           ours  theirs  apart  cosine  becomes",
        "  1  layer.{0-2}.bias x3    F32 4     46%     93%    46%    1.00  average",
        "  2  layer.{0-2}.weight x3  F32 4x4   46%     93%    46%    1.00  average",
        "  3  meta/epoch                                                   in conflict",
        "       1 -> ours 2, theirs 3",
    ]


def test_choices_are_what_it_gives() -> None:
    rules, shown = run(
        backend(conflicts=(EPOCH,)), "all theirs", "1 ties density=0.3", "undo", "2 ours", "write"
    )
    assert rules == (MergeRule("theirs"), MergeRule("ours", (), ("layer.*.weight",)))
    assert "  6 parameters and 1 other value by theirs; nothing in conflict" in shown
    assert "  layer.{0-2}.bias x3 no more by ties density=0.3; nothing in conflict" in shown
    assert shown[-1] == "done"


@pytest.mark.parametrize("lines", [("quit",), ("all ours", "q"), ("all ours",)])
def test_quitting_gives_nothing(lines: tuple[str, ...]) -> None:
    assert run(backend(), *lines)[0] is None


def test_an_interrupt_quits() -> None:
    def interrupt(_prompt: str) -> str:
        raise KeyboardInterrupt

    assert MergeSession(backend(), interrupt, lambda lines: list(lines)).run() is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("write", "1 conflict left: meta/epoch (for example: all ours)"),
        ("1 tise", "there's no strategy 'tise' (did you mean 'ties'?)"),
        ("1 ties sparsity=3", "'ties' has no option 'sparsity'"),
        ("3 ties", "ties can't decide that: changed to different values"),
        ("9 ours", "there's no number 9 (they go from 1 to 3)"),
        ("open 9", "there's no number 9"),
        ("open 1 9", "number 1 has only 3 parameters"),
        ("list 9", "there are only 3 numbers"),
        ("redo", "there's nothing to redo"),
        ("remember", "nothing is chosen yet"),
        ("help tise", "did you mean 'ties'?"),
        ("x\x1b[2J ours", "both sides changed nothing that matches"),
    ],
)
def test_wrong_input_is_one_line_and_goes_on(line: str, message: str) -> None:
    rules, shown = run(backend(conflicts=(EPOCH,)), line, "3 ours", "write")
    assert rules == (MergeRule("ours", (), ("meta/epoch",)),)
    at = shown.index("theta> ")
    assert message in shown[at + 1]
    assert shown[at + 2] == "theta> "
    assert not any("\x1b" in text for text in shown)


def test_a_failing_write_goes_on() -> None:
    rules, shown = run(backend(), "all karcher", "write", "all ours", "undo", "undo", "write")
    assert rules == ()
    assert "the disk is full (make room)" in shown


def test_opening_and_previewing() -> None:
    _, shown = run(backend(), "layer.1.bias theirs", "open 1", "list", "preview")
    assert [text.split() for text in shown if "layer.1.bias" in text][-1] == [
        *("layer.1.bias", "F32", "4", "50%", "100%", "50%", "1.00", "theirs")
    ]
    assert any(text.endswith("2 average, 1 theirs") for text in shown)
    assert any("1.23 KB of new objects" in text for text in shown)


def test_what_does_not_fit_goes_below() -> None:
    _, shown = run(backend(), "layer.1.bias ties density=0.25", "2 linear weights=0.25,0.75", "list")
    assert any(text.endswith("mixed") for text in shown)
    assert "       2 average, 1 ties density=0.25" in shown
    assert any(text.endswith("linear …") for text in shown)
    assert "       linear weights=0.25,0.75" in shown


def test_remembering() -> None:
    at = backend()
    lines = ("1 ours", "1 theirs", "remember", "x", "remember", "", "remember", "g")
    _, shown = run(at, *lines)
    assert at.kept == [("g", (MergeRule("theirs", (), ("layer.*.bias",)),))]
    assert "'x' isn't one of c, g; nothing is written" in shown
    assert "kept" in shown


def test_many_parameters_stay_a_page() -> None:
    base = {f"p{i}": np.full(2, i + 1, "f4") for i in range(2000)}
    ours, theirs = ({name: array + np.float32(n) for name, array in base.items()} for n in (1, 2))
    at = Backend(base, ours, theirs)
    _, shown = run(at)
    assert len(shown) < 32
    assert "  … and 1,975 more: list 26" in shown
    assert len(set(at.read)) == 25
    _, shown = run(backend(3000), "open 1", "open 1 26")
    assert max(map(len, shown)) <= 110
    assert len(shown) < 80


def test_long_names_are_cut() -> None:
    name = "encoder.block.deeply.nested.module.with.a.very.long.name." * 3 + "weight"
    one = np.ones((7, 9), "f4")
    at = Backend({name: one}, {name: one * 2}, {name: one * 3})
    _, shown = run(at, "1 dare-ties density=0.25 seed=3", "list", "open 1", "preview")
    assert max(map(len, shown[:4])) <= 110
    assert all(len(text) <= 110 for text in shown if "…" in text)


def test_what_cannot_be_combined() -> None:
    base = {"gone": np.ones(2, "f4"), "typed": np.ones(2, "f4"), "shaped": np.ones(2, "f4")}
    ours = {"typed": np.full(2, 2, "f2"), "shaped": np.ones(3, "f4"), "new": np.ones(2, "f4")}
    theirs = {name: array * 2 for name, array in base.items()} | {"new": np.full(2, 3, "f4")}
    rules, shown = run(Backend(base, ours, theirs), "all average", "write", "all ours", "write")
    assert rules == (MergeRule("average"), MergeRule("ours"))
    text = "\n".join(shown)
    assert "removed" in text
    assert "added" in text
    assert "to F16" in text
    assert "removed on one side, changed on the other" in text
