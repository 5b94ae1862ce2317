"""Lines of attributes files that are stronger than those of tracked patterns.

Git takes the last line that matches a file, from the attributes file that is nearest to it, and
`.git/info/attributes` is stronger than all of them.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from git_theta.errors import UsageError
from git_theta.git.plumbing.check_attr import attribute_values
from git_theta.git.plumbing.command import Git
from git_theta.git.repository import gitattributes
from git_theta.git.repository.conversions import ENCODING, IDENT, keeps_manifests, repair_hint
from git_theta.git.repository.repository import Repository

#: Attributes that name git-theta, by importance: without its filter, a file isn't stored by it at all.
_NAMES = ("filter", "merge", "diff")

#: All attributes that lines are looked up for.
_ASKED = (*_NAMES, ENCODING, IDENT)

_TRACKED = "theta-is-tracked"
_LINE = "theta-line-of-"


@dataclass(frozen=True, slots=True)
class StrongerLine:
    """A line that keeps files of a tracked pattern from git-theta, or has Git change their manifests.

    Attributes:
        place: Its attributes file, from the current folder, and the number of the line; empty if unknown.
        text: The line.
        attribute: The attribute that it sets: `filter`, `merge`, `diff` or `working-tree-encoding`.
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
    values = _values(repository, top, [*probes, *_line_probes(lines)], sorted(paths | examples))
    matched = {path: found for path, found in values.items() if found[_TRACKED] == "set"}
    real = {path: found for path, found in matched.items() if path in paths}
    return _grouped(real or matched, lines, _lost)


def encoding_lines(repository: Repository) -> list[StrongerLine]:
    """The lines by which Git would store the manifests of tracked files in another encoding.

    Raises:
        GitError: The repository is bare.
    """
    top = repository.at_top().git
    found = attribute_values(top, ENCODING, gitattributes.tracked_files(top))
    return lines_that_set(
        repository, ENCODING, [p for p, value in found.items() if not keeps_manifests(value)]
    )


def lines_that_set(repository: Repository, attribute: str, paths: Sequence[str]) -> list[StrongerLine]:
    """The lines that set an attribute for some files.

    Args:
        repository: The repository, with Git in the current folder.
        attribute: An attribute that changes manifests, or names git-theta.
        paths: The files, from the top of the work tree.

    Raises:
        GitError: The repository is bare.
    """
    if not paths:
        return []
    lines = _lines(repository)
    values = _values(repository, repository.at_top().git, _line_probes(lines), paths)
    return _grouped(values, lines, lambda _found: attribute)


def _lost(found: Mapping[str, str]) -> str | None:
    """The attribute that keeps a file from git-theta, or by which Git would change its manifest."""
    if not keeps_manifests(found[ENCODING]):
        return ENCODING
    return next((name for name in _NAMES if found[name] != "theta"), None)


def _grouped(
    values: Mapping[str, Mapping[str, str]],
    lines: Sequence[_Line],
    attribute_of: Callable[[Mapping[str, str]], str | None],
) -> list[StrongerLine]:
    groups: dict[tuple[str, str], list[str]] = {}
    for path, found in values.items():
        name = attribute_of(found)
        if name:
            groups.setdefault((name, found[_LINE + name]), []).append(path)
    return [
        StrongerLine(line.place if line else "", line.text if line else "", name, tuple(files))
        for (name, number), files in groups.items()
        for line in [lines[int(number)] if number.isdigit() else None]
    ]


def _lines(repository: Repository) -> list[_Line]:
    """The lines of all attributes files that set an attribute of interest, the strongest last."""
    root = repository.root
    own = (repository.common_dir / "info" / "attributes").resolve()
    files = gitattributes.attribute_files(root, repository.git)
    in_tree = [path for path in files if path.name == ".gitattributes" and path.is_relative_to(root)]
    of_user = [path for path in files if path not in (*in_tree, own)]
    found = []
    for path in [*of_user, *sorted(in_tree, key=lambda path: len(path.parts)), own]:
        folder = path.parent.relative_to(root).as_posix().removeprefix(".") if path in in_tree else ""
        for number, text in enumerate(gitattributes.lines_of(gitattributes.read(path)), 1):
            pattern = gitattributes.pattern_of(text)
            words = {gitattributes.name_of(word) for word in gitattributes.attributes_of(text)}
            names = words | ({"diff", "merge"} if "binary" in words else set())
            if pattern is not None and names & set(_ASKED):
                place = f"{os.path.relpath(path)}:{number}"
                found.append(_Line(place, text.strip(), _rooted(pattern, folder), frozenset(names)))
    return found


def _line_probes(lines: Sequence[_Line]) -> list[str]:
    """Lines that set, beside each attribute, one with the number of the line that does."""
    probes = []
    for number, line in enumerate(lines):
        words = " ".join(f"{_LINE}{name}={number}" for name in _ASKED if name in line.names)
        probes.append(f"{gitattributes.quote(line.pattern)} {words}\n")
    return probes


def _values(
    repository: Repository, git: Git, probes: Iterable[str], paths: Sequence[str]
) -> dict[str, dict[str, str]]:
    """Path → attribute → value, of ours and of the probes."""
    names = [_TRACKED, *_ASKED, *(_LINE + name for name in _ASKED)]
    with tempfile.NamedTemporaryFile(prefix="theta-attributes-") as file:
        # In place of the user's own attributes, which are the weakest of all, and come first.
        own = gitattributes.user_file(repository.git)
        text = gitattributes.read(own.resolve()) if own.is_file() else ""
        file.write(os.fsencode("\n".join((text, "".join(probes)))))
        file.flush()
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
    if line.attribute not in means:
        return f"Git would change the manifest of {files} beyond recognition: {_setting(line)}"
    where = f"{line.place} is stronger ({line.text})" if line.place else "another attribute line is stronger"
    return f"{means[line.attribute]} {files}: {where}"


def advice(line: StrongerLine) -> str:
    """The next step of the user, as a sentence."""
    if line.attribute in _NAMES:
        return "Change that line: Git takes the last one that matches (see: git check-attr -a FILE)"
    hint = repair_hint(line.attribute)
    return hint[0].upper() + hint[1:]


def conversion_refused(line: StrongerLine) -> UsageError:
    """The error for a file whose manifest Git would change, by an attribute of the line."""
    return UsageError(
        f"Git would change its manifest beyond recognition: {_setting(line)}", repair_hint(line.attribute)
    )


def _setting(line: StrongerLine) -> str:
    where = f"{line.place} ({line.text})" if line.place else "an attribute line"
    return f"{where} sets {line.attribute}"
