"""The text of .gitattributes files, whose patterns a migration gives to another filter."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from git_theta.git.repository import gitattributes

#: How files can be stored.
Target = Literal["theta", "lfs", "plain"]

#: Attributes files of a tree: folder (empty for the top, else without a slash at its end) → text.
Texts = Mapping[str, str]

#: The attributes of each target. A line for plain files is needed only if another one would match them.
WORDS: Mapping[Target, tuple[str, ...]] = {
    "theta": gitattributes.ATTRIBUTES,
    "lfs": ("filter=lfs", "diff=lfs", "merge=lfs", "-text"),
    "plain": ("!filter", "!diff", "!merge", "!text"),
}

_EXTENSION = re.compile(r"\*(\.[\w.-]+)")


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the file; without a pattern if it's a comment, a macro or nothing at all."""

    text: str
    pattern: str | None
    words: tuple[str, ...]

    @property
    def filter(self) -> str | None:
        """The filter that the line gives files to; empty for none, `None` if the line doesn't name any."""
        found = [word for word in self.words if gitattributes.name_of(word) == "filter"]
        return found[-1].partition("=")[2] if found else None


def patterns_of(text: str, name: str) -> list[str]:
    """The patterns that a filter has by their last line, in the order of the file."""
    found: dict[str, bool] = {}
    for line in _parsed(text):
        if line.pattern is not None and line.filter is not None:
            found[line.pattern] = line.filter == name
    return [pattern for pattern, is_given in found.items() if is_given]


def switch_filter(text: str, name: str, target: Target, only: Collection[str] | None = None) -> str:
    """Give a filter's patterns to another one. Lines keep their places: later ones override them still.

    Args:
        text: The file.
        name: The filter that has them.
        target: The other filter, or none.
        only: The patterns to give; all when `None`.
    """
    out, given = [], []
    for line in _parsed(text):
        if line.filter == name and line.pattern is not None and (only is None or line.pattern in only):
            words = () if target == "plain" else WORDS[target]
            out.append(_written(line.pattern, words, _others(line, target), line.text))
            given.append(line.pattern)
        else:
            out.append(line.text)
    return _without_indexes("".join(out), given, target)


def complete_lines(text: str) -> str:
    """Complete the lines of git-theta 0.2, which let Git change line ends in files."""
    short = {
        line.pattern
        for line in _parsed(text)
        if line.pattern
        and line.filter == "theta"
        and not any(gitattributes.name_of(w) == "text" for w in line.words)
    }
    return switch_filter(text, "theta", "theta", short) if short else text


def assign_patterns(texts: Texts, patterns: Iterable[str], target: Target) -> dict[str, str]:
    """Give patterns to a target, whatever filter they have now.

    Args:
        texts: The files.
        patterns: As the topmost file has them.
        target: The filter, or none.
    """
    found = dict(texts)
    for pattern in patterns:
        found[""] = _assign(found.get("", ""), pattern, target)
        for folder, text in texts.items():
            inner = pattern_in_folder(pattern, folder) if folder else None
            if inner is not None and any(_contradicts(line, inner, target) for line in _parsed(text)):
                found[folder] = _assign(found[folder], inner, target)
    return found


def pattern_in_folder(pattern: str, folder: str) -> str | None:
    """A pattern of the topmost file for the file in a folder; `None` if it can't match there."""
    parts = pattern.lstrip("/").split("/")
    if "/" not in pattern:
        return pattern
    for name in folder.split("/"):
        if parts[0] == "**":
            break
        if parts[0] not in (name, "*") or len(parts) == 1:
            return None
        parts.pop(0)
    return "/".join(parts) if len(parts) > 1 else f"/{parts[0]}"


def pattern_at_top(pattern: str, folder: str) -> str:
    """A pattern of the file in a folder for the topmost file."""
    if not folder:
        return pattern
    # Wildcards in the folder's name are escaped.
    place = re.sub(r"([\\*?\[])", r"\\\1", folder)
    return f"/{place}/{pattern.lstrip('/')}" if "/" in pattern else f"/{place}/**/{pattern}"


def _assign(text: str, pattern: str, target: Target) -> str:
    lines = _parsed(text)
    own = [line for line in lines if line.pattern == pattern]
    last = max((i for i, line in enumerate(lines) if line.pattern == pattern), default=-1)
    later = any(_contradicts(line, pattern, target) for line in lines[last + 1 :])
    others = _others(own[-1], target) if own else ()
    if target != "plain" and own and not later:
        lines[last] = _Line(_written(pattern, WORDS[target], others, own[-1].text), None, ())
        return "".join(line.text for line in lines)
    kept = [line for line in lines if line.pattern != pattern]
    words = WORDS[target]
    if target == "plain" and not any(_contradicts(line, pattern, target) for line in kept):
        words = ()
    text = _without_indexes("".join(line.text for line in kept), [pattern], target)
    end = "\r\n" if "\r\n" in text else "\n"
    gap = "" if not text or text.endswith("\n") else end
    new = _written(pattern, words, others, end)
    return text + gap + new if new else text


def _without_indexes(text: str, patterns: Iterable[str], target: Target) -> str:
    """The file without lines for the indexes of shards that git-theta doesn't have any more."""
    return text if target == "theta" else gitattributes.untrack_indexes(text, patterns)


def _contradicts(line: _Line, pattern: str, target: Target) -> bool:
    """Whether a line may give a file that the pattern matches to another filter."""
    if line.pattern is None or line.filter is None or _disjoint(line.pattern, pattern):
        return False
    return line.filter != ("" if target == "plain" else target)


def _disjoint(one: str, other: str) -> bool:
    """Whether no file can match both, which is known only of patterns for different endings."""
    ends = [_EXTENSION.fullmatch(pattern.rpartition("/")[2]) for pattern in (one, other)]
    first, second = (end[1] if end else "" for end in ends)
    return bool(first and second) and not first.endswith(second) and not second.endswith(first)


def _parsed(text: str) -> list[_Line]:
    return [
        _Line(line, gitattributes.pattern_of(line), tuple(gitattributes.attributes_of(line)))
        for line in gitattributes.lines_of(text)
    ]


def _others(line: _Line, target: Target) -> tuple[str, ...]:
    """A line's other attributes; git-theta's own are left out when the pattern gets another filter."""
    dropped = gitattributes.DRIVERS | (gitattributes.HARMFUL if target != "plain" else set())
    dropped |= set() if target == "theta" else set(gitattributes.OWN)
    return tuple(word for word in line.words if gitattributes.name_of(word) not in dropped)


def _written(pattern: str, words: Iterable[str], others: Iterable[str], like: str) -> str:
    attributes = [*words, *others]
    if not attributes:
        return ""
    return " ".join([gitattributes.quote(pattern), *attributes]) + gitattributes.line_end(like)
