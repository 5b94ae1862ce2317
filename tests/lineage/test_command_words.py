"""Places of outputs in commands."""

from __future__ import annotations

import pytest

from git_theta.errors import UsageError
from git_theta.lineage.command_words import filled_in


def test_places() -> None:
    words = ["train", "--out={out}", "{out2}", "{out1}{out}", "{other}", "{{out}}", "{out"]
    assert filled_in(words, ["a", "b"]) == ["train", "--out=a", "b", "aa", "{other}", "{a}", "{out"]


def test_paths_arent_read_again() -> None:
    assert filled_in(["{out}"], ["{out2}"]) == ["{out2}"]


@pytest.mark.parametrize("word", ["{out0}", "{out3}", "{out9999}"])
def test_outputs_that_there_arent(word: str) -> None:
    with pytest.raises(UsageError, match="isn't an output: there are 2"):
        filled_in([word], ["a", "b"])
