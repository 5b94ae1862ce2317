"""What a migration does to .gitattributes files: who gets which pattern. Everything works on text."""

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

#: What a line says for each target. Nothing is said for plain files if nothing else would match them.
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
        """The filter that it gives files to; empty for none; `None` if it doesn't say."""
        found = [word for word in self.words if gitattributes.name_of(word) == "filter"]
        return found[-1].partition("=")[2] if found else None


def given_to(text: str, name: str) -> list[str]:
    """The patterns whose last line gives them to a filter, in the order of the file."""
    found: dict[str, bool] = {}
    for line in _parsed(text):
        if line.pattern is not None and line.filter is not None:
            found[line.pattern] = line.filter == name
    return [pattern for pattern, is_given in found.items() if is_given]


def switch(text: str, name: str, target: Target, only: Collection[str] | None = None) -> str:
    """Give what a filter has to another one: every line in its place, so that what overrides it still does.

    Args:
        text: The file.
        name: The filter.
        target: Who gets it.
        only: Patterns; all when `None`.
    """
    out = []
    for line in _parsed(text):
        if line.filter == name and line.pattern is not None and (only is None or line.pattern in only):
            words = () if target == "plain" else WORDS[target]
            out.append(_written(line.pattern, words, _others(line, target), line.text))
        else:
            out.append(line.text)
    return "".join(out)


def complete(text: str) -> str:
    """Complete the lines of git-theta 0.2, which let Git change line ends in what it stored."""
    short = {
        line.pattern
        for line in _parsed(text)
        if line.pattern
        and line.filter == "theta"
        and not any(gitattributes.name_of(w) == "text" for w in line.words)
    }
    return switch(text, "theta", "theta", short) if short else text


def include(texts: Texts, patterns: Iterable[str], target: Target) -> dict[str, str]:
    """Give patterns to a target, whatever the files say now.

    Args:
        texts: The files.
        patterns: As in the topmost file.
        target: Who gets them.
    """
    found = dict(texts)
    for pattern in patterns:
        found[""] = _assign(found.get("", ""), pattern, target)
        for folder, text in texts.items():
            inner = relative(pattern, folder) if folder else None
            if inner is not None and any(_contradicts(line, inner, target) for line in _parsed(text)):
                found[folder] = _assign(found[folder], inner, target)
    return found


def relative(pattern: str, folder: str) -> str | None:
    """A pattern of the top as a file in a folder has to write it; `None` if that's not to be said."""
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


def rooted(pattern: str, folder: str) -> str:
    """A pattern of a file in a folder as the topmost file has to write it."""
    if not folder:
        return pattern
    # Characters that would be wildcards.
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
    text = "".join(line.text for line in kept)
    end = "\r\n" if "\r\n" in text else "\n"
    gap = "" if not text or text.endswith("\n") else end
    new = _written(pattern, words, others, end)
    return text + gap + new if new else text


def _contradicts(line: _Line, pattern: str, target: Target) -> bool:
    """Whether a line may give a file that the pattern matches to someone else."""
    if line.pattern is None or line.filter is None or _disjoint(line.pattern, pattern):
        return False
    return line.filter != ("" if target == "plain" else target)


def _disjoint(one: str, other: str) -> bool:
    """Whether no file matches both: that's known only where both are a plain ending."""
    ends = [_EXTENSION.fullmatch(pattern.rpartition("/")[2]) for pattern in (one, other)]
    first, second = (end[1] if end else "" for end in ends)
    return bool(first and second) and not first.endswith(second) and not second.endswith(first)


def _parsed(text: str) -> list[_Line]:
    return [
        _Line(line, gitattributes.pattern_of(line), tuple(gitattributes.attributes_of(line)))
        for line in gitattributes.lines_of(text)
    ]


def _others(line: _Line, target: Target) -> tuple[str, ...]:
    """What a line says besides; ours goes with the last line of ours."""
    dropped = gitattributes.DRIVERS | (gitattributes.HARMFUL if target != "plain" else set())
    dropped |= set() if target == "theta" else set(gitattributes.OWN)
    return tuple(word for word in line.words if gitattributes.name_of(word) not in dropped)


def _written(pattern: str, words: Iterable[str], others: Iterable[str], like: str) -> str:
    said = [*words, *others]
    return " ".join([gitattributes.quote(pattern), *said]) + gitattributes.line_end(like) if said else ""
