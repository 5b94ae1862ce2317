"""Commands of records: words with places for the paths of outputs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from git_theta.errors import UsageError

_PLACE = re.compile(r"\{out(\d{0,4})\}", re.ASCII)


def filled_in(words: Sequence[str], outputs: Sequence[str]) -> list[str]:
    """The words of a command with the paths of its outputs.

    Args:
        words: The words. `{out}` stands for the first output, `{out1}`, `{out2}`, … for each by its number.
        outputs: Paths, as the command is to see them.

    Raises:
        UsageError: A word names an output that there isn't.
    """

    def path(match: re.Match[str]) -> str:
        number = int(match[1] or 1)
        if not 1 <= number <= len(outputs):
            raise UsageError(f"{match[0]} isn't an output: there are {len(outputs)}", "name each with --out")
        return outputs[number - 1]

    return [_PLACE.sub(path, word) for word in words]
