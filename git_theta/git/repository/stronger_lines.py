"""Lines of attributes files that are stronger than those of tracked patterns.

Git takes the last line that matches a file, from the attributes file that is nearest to it, and
`.git/info/attributes` is stronger than all of them.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from git_theta.git.plumbing.command import Git
from git_theta.git.repository import gitattributes
from git_theta.git.repository.repository import Repository

#: Attributes that name git-theta, by importance: without its filter, a file isn't stored by it at all.
_NAMES = ("filter", "merge", "diff")

_TRACKED = "theta-is-tracked"
_LINE = "theta-line-of-"


@dataclass(frozen=True, slots=True)
class StrongerLine:
    """A line that gives files of a tracked pattern to something else than git-theta.

    Attributes:
        place: Its attributes file, from the current folder, and the number of the line; empty if unknown.
        text: The line.
        attribute: The attribute that it sets: `filter`, `merge` or `diff`.
        files: The files, from the top of the work tree. If there are none yet, a name that would match.
    """

    place: str
    text: str
    attribute: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Line:
    place: str
    text: str
    pattern: str
    names: frozenset[str]


def stronger_lines(repository: Repository, patterns: Sequence[str]) -> list[StrongerLine]:
    """The lines that keep files of the current folder's tracked patterns from git-theta.

    Args:
        repository: The repository, with Git in the current folder.
        patterns: Patterns of the .gitattributes there.

    Raises:
        GitError: The repository is bare.
    """
    top = repository.at_top().git
    folder = repository.git.line("rev-parse", "--show-prefix").rstrip("/")
    listing = repository.git.run("ls-files", "-z", "--full-name", "-c", "-o", "--exclude-standard")
    paths = {os.fsdecode(name) for name in listing.split(b"\0") if name}
    rooted = [_rooted(pattern, folder) for pattern in patterns]
    examples = {name for pattern in rooted if (name := _example(pattern)) not in paths}
    lines = _lines(repository)
    probes = [f"{gitattributes.quote(pattern)} {_TRACKED}\n" for pattern in rooted]
    for number, line in enumerate(lines):
        words = " ".join(f"{_LINE}{name}={number}" for name in _NAMES if name in line.names)
        probes.append(f"{gitattributes.quote(line.pattern)} {words}\n" if words else "")
    values = _values(top, probes, sorted(paths | examples))
    matched = {path: found for path, found in values.items() if found[_TRACKED] == "set"}
    real = {path: found for path, found in matched.items() if path in paths}
    return _grouped(real or matched, lines)


def _grouped(values: Mapping[str, Mapping[str, str]], lines: Sequence[_Line]) -> list[StrongerLine]:
    groups: dict[tuple[str, str], list[str]] = {}
    for path, found in values.items():
        lost = next((name for name in _NAMES if found[name] != "theta"), None)
        if lost:
            groups.setdefault((lost, found[_LINE + lost]), []).append(path)
    return [
        StrongerLine(line.place if line else "", line.text if line else "", name, tuple(files))
        for (name, number), files in groups.items()
        for line in [lines[int(number)] if number.isdigit() else None]
    ]


def _lines(repository: Repository) -> list[_Line]:
    """The lines of all attributes files of the repository that set attributes of ours, the strongest last."""
    root = repository.root
    own = (repository.common_dir / "info" / "attributes").resolve()
    files = gitattributes.attribute_files(root, repository.git)
    in_tree = [path for path in files if path.name == ".gitattributes" and path.is_relative_to(root)]
    found = []
    for path in [*sorted(in_tree, key=lambda path: len(path.parts)), own]:
        folder = "" if path == own else path.parent.relative_to(root).as_posix().removeprefix(".")
        for number, text in enumerate(gitattributes.lines_of(gitattributes.read(path)), 1):
            pattern = gitattributes.pattern_of(text)
            words = {gitattributes.name_of(word) for word in gitattributes.attributes_of(text)}
            names = words | ({"diff", "merge"} if "binary" in words else set())
            if pattern is not None and names & set(_NAMES):
                place = f"{os.path.relpath(path)}:{number}"
                found.append(_Line(place, text.strip(), _rooted(pattern, folder), frozenset(names)))
    return found


def _values(git: Git, probes: Iterable[str], paths: Sequence[str]) -> dict[str, dict[str, str]]:
    """Path → attribute → value, of ours and of the probes."""
    names = [_TRACKED, *_NAMES, *(_LINE + name for name in _NAMES)]
    with tempfile.NamedTemporaryFile(prefix="theta-attributes-") as file:
        file.write(os.fsencode("".join(probes)))
        file.flush()
        # In place of the user's own attributes, which are the weakest of all.
        options = ("-c", f"core.attributesFile={file.name}")
        asked = b"".join(os.fsencode(path) + b"\0" for path in paths)
        answer = git.run(*options, "check-attr", "-z", "--stdin", *names, stdin=asked) if asked else b""
    fields = [os.fsdecode(field) for field in answer.split(b"\0")]
    values: dict[str, dict[str, str]] = {}
    for path, name, value in zip(fields[::3], fields[1::3], fields[2::3], strict=False):
        values.setdefault(path, {})[name] = value
    return values


def _rooted(pattern: str, folder: str) -> str:
    """The pattern of a folder's attributes file, as it would be at the top of the work tree."""
    if not folder:
        return pattern
    literal = re.sub(r"([*?\[\\])", r"\\\1", folder)
    return f"{literal}/{pattern.lstrip('/')}" if "/" in pattern else f"{literal}/**/{pattern}"


def _example(pattern: str) -> str:
    """A path that a simple pattern matches."""
    return pattern.replace("**/", "").replace("*", "model").replace("?", "x").lstrip("/")


def described(line: StrongerLine) -> str:
    """The line and what it means, for the user."""
    files = ", ".join(line.files[:3]) + (", …" if len(line.files) > 3 else "")
    means = {
        "filter": "git-theta doesn't store",
        "merge": "git-theta doesn't merge",
        "diff": "git-theta doesn't show changes of",
    }
    where = f"{line.place} is stronger ({line.text})" if line.place else "another attribute line is stronger"
    return f"{means[line.attribute]} {files}: {where}"
