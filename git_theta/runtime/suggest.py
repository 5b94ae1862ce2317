"""Suggestions for a name that's unknown: the known names that are most like it."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean 'NAME'?` for a word that looks mistyped; empty if no known name is like it."""
    from difflib import get_close_matches

    near = get_close_matches(word, list(known), 1)
    return f"did you mean {near[0]!r}?" if near else ""


def closest(wanted: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The known names that are most like a name or pattern, the closest first, however unlike they are.

    Names that contain the text of the pattern come first.
    """
    from difflib import SequenceMatcher

    text = wanted.strip("*?")
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(text)

    def likeness(name: str) -> tuple[bool, float]:
        matcher.set_seq1(name)
        return bool(text) and text in name, matcher.quick_ratio()

    return sorted(known, key=likeness, reverse=True)[:count]
