"""The lines of .gitattributes by which Git hands files to git-theta.

Texts are edited as strings; all other lines stay as they are, byte for byte.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from git_theta.errors import UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.conversions import ENCODING, IDENT
from git_theta.git.repository.plain_files import is_plain_file
from git_theta.runtime.atomic_write import atomic_write
from git_theta.settings import MERGE_ATTRIBUTE, UPDATE_ATTRIBUTE

#: What a tracked pattern has. `-text` keeps Git from touching line ends.
ATTRIBUTES = ("filter=theta", "diff=theta", "merge=theta", "-text")

#: Attribute of indexes of shards.
_MERGED = "merge=theta"

#: Ends of names of checkpoints that libraries save as shards with an index beside them.
_WITH_INDEX = (".safetensors", ".bin", ".h5", ".msgpack")

#: Attributes of git-theta that a tracked pattern may have, too.
OWN = (UPDATE_ATTRIBUTE, MERGE_ATTRIBUTE)

#: Attributes that are set or unset together with a filter.
DRIVERS = {"filter", "diff", "merge", "text"}

#: Attributes that would change a manifest on its way, or unset ours: `binary` means `-diff -merge -text`.
HARMFUL = {"binary", "crlf", "eol", IDENT, ENCODING}

#: Keeps Git from storing a manifest in another encoding, where another line asks for that.
KEEP_ENCODING = f"!{ENCODING}"
_MACRO = "[attr]"
_MAX_BYTES = 1900  # Git ignores lines of 2048 bytes or more
_LINE = re.compile(
    r'[ \t]*(?P<pattern>"(?:[^"\\]|\\.)*"|(?!\[attr\])[^ \t\r"#][^ \t\r]*)(?P<rest>(?:[ \t].*)?)$'
)
_ESCAPES = {"\\": "\\", '"': '"', "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)


def track(
    text: str,
    patterns: Iterable[str],
    values: Mapping[str, str] | None = None,
    *,
    keep_encoding: bool = False,
) -> tuple[str, list[str]]:
    """Add patterns.

    A line with the same pattern and another filter, or with attributes of ours missing, is rewritten;
    harmless attributes stay. Patterns are relative to the folder of the file: a pattern given in a subfolder
    belongs to the .gitattributes there.

    Args:
        text: The file, with surrogates for bytes that aren't UTF-8.
        patterns: Patterns as in .gitattributes, but not quoted.
        values: Attribute of `OWN` → its value; other attributes stay as they are.
        keep_encoding: Whether the lines must overrule a `working-tree-encoding` of weaker lines.

    Returns:
        The new text, and the patterns that weren't tracked before, lacked attributes, or had other values.

    Raises:
        UsageError: A pattern that Git would ignore or take for something else.
    """
    wanted = dict(values or {})
    needed = {*ATTRIBUTES, KEEP_ENCODING} if keep_encoding else set(ATTRIBUTES)
    added = []
    for pattern in dict.fromkeys(patterns):
        _check(pattern, wanted)
        lines = lines_of(text)
        own = [i for i, line in enumerate(lines) if pattern_of(line) == pattern]
        complete = pattern in tracked_patterns(text) and any(_is_complete(lines[i], needed) for i in own)
        if complete and all(value_of(text, pattern, name) == value for name, value in wanted.items()):
            continue
        added.append(pattern)
        if not own:
            end = "\r\n" if "\r\n" in text else "\n"
            text += "" if not text or text.endswith("\n") else end
            lines, own = [*lines_of(text), quote(pattern) + end], [len(lines_of(text))]
        if not complete:
            lines[own[-1]] = _with_theta(lines[own[-1]], keep_encoding)
        lines[own[-1]] = _with_values(lines[own[-1]], wanted)
        text = "".join(lines)
    return text, added


def track_indexes(text: str, patterns: Iterable[str]) -> str:
    """Add lines for the indexes of shards, such as `*.safetensors.index.json`, which Git stores as they are.

    Git's own merge of such an index knows nothing of its shards.

    Args:
        text: The file.
        patterns: Patterns of checkpoints, of any format; those of a format without indexes add nothing.
    """
    for pattern in sorted(_index_patterns(patterns)):
        if not any(pattern_of(line) == pattern for line in lines_of(text)):
            end = "\r\n" if "\r\n" in text else "\n"
            text += f"{'' if not text or text.endswith(chr(10)) else end}{quote(pattern)} {_MERGED}{end}"
    return text


def untrack_indexes(text: str, patterns: Iterable[str]) -> str:
    """Remove what `track_indexes` added, unless other tracked patterns need it."""
    gone = _index_patterns(patterns) - _index_patterns(tracked_patterns(text))
    return "".join(
        line for line in lines_of(text) if pattern_of(line) not in gone or attributes_of(line) != [_MERGED]
    )


def _index_patterns(patterns: Iterable[str]) -> set[str]:
    found = set()
    for pattern in patterns:
        folder, slash, name = pattern.rpartition("/")
        ending = next((ending for ending in _WITH_INDEX if name.endswith(ending)), None)
        if ending:
            found.add(f"{folder}{slash}*{ending}.index.json")
    return found


def untrack(text: str, patterns: Iterable[str]) -> tuple[str, list[str]]:
    """Remove what `track` added; a line that has other attributes keeps those.

    Returns:
        The new text, and the patterns that were tracked before.
    """
    wanted = set(patterns)
    kept, removed = [], []
    for line in lines_of(text):
        pattern = pattern_of(line)
        if pattern in wanted and "filter=theta" in line.split():
            removed.append(pattern)
            ours = {*DRIVERS, *OWN}
            others = [w for w in attributes_of(line) if name_of(w) not in ours and w != KEEP_ENCODING]
            if not others:
                continue
            line = " ".join((quote(pattern), *others)) + line_end(line)
        kept.append(line)
    return "".join(kept), list(dict.fromkeys(removed))


def tracked_patterns(text: str) -> list[str]:
    """The patterns whose last line gives them to git-theta, in the order of the file."""
    found: dict[str, bool] = {}
    for line in lines_of(text):
        pattern = pattern_of(line)
        filters = [word for word in attributes_of(line) if name_of(word) == "filter"]
        if pattern is not None and filters:
            found[pattern] = filters[-1] == "filter=theta"
    return [pattern for pattern, is_theta in found.items() if is_theta]


def value_of(text: str, pattern: str, attribute: str) -> str | None:
    """The value of an attribute in the lines of a pattern; `None` if it has none there."""
    own = (line for line in lines_of(text) if pattern_of(line) == pattern)
    words = [word for line in own for word in attributes_of(line) if name_of(word) == attribute]
    return (words[-1].partition("=")[2] or None) if words else None


def quote(pattern: str) -> str:
    """A pattern as it's written in the file: in double quotes if necessary."""
    plain = re.fullmatch(r'[^\s"#!\[\\\x00-\x1f\x7f][^\s"\\\x00-\x1f\x7f]*', pattern)
    if plain:
        return pattern
    escaped = pattern.replace("\\", "\\\\").replace('"', '\\"')
    for letter, char in _ESCAPES.items():
        if letter not in '\\"':
            escaped = escaped.replace(char, f"\\{letter}")
    return f'"{escaped}"'


def _unquote(text: str) -> str:
    if not text.startswith('"'):
        return text

    def replaced(match: re.Match[bytes]) -> bytes:
        code = match[1]
        if len(code) == 3:
            return bytes([int(code, 8) & 0xFF])
        return os.fsencode(_ESCAPES.get(os.fsdecode(code), os.fsdecode(code)))

    return os.fsdecode(_ESCAPE.sub(replaced, os.fsencode(text[1:-1])))


def _check(pattern: str, values: Mapping[str, str]) -> None:
    if not pattern or pattern.startswith("!"):
        raise UsageError(
            f"{pattern!r} isn't a pattern that Git knows in .gitattributes",
            "negative patterns don't exist there: use `git theta untrack`",
        )
    if pattern.endswith("/"):
        raise UsageError(
            f"{pattern!r} matches no file: Git has no attributes for folders",
            f"track what is in it: {pattern}**",
        )
    if pattern.startswith(_MACRO):
        raise UsageError(f"{pattern!r} defines a macro in .gitattributes", f"write it as \\{pattern}")
    written = quote(pattern) + "".join(f" {name}={value}" for name, value in values.items())
    if "\0" in pattern or len(os.fsencode(written)) > _MAX_BYTES:
        raise UsageError(f"the pattern {pattern[:40]!r}… is too long for Git, or has a zero byte in it")


def _is_complete(line: str, needed: set[str]) -> bool:
    words = {word for word in attributes_of(line) if name_of(word) in DRIVERS | HARMFUL}
    return words in (needed, {*needed, KEEP_ENCODING})


def lines_of(text: str) -> list[str]:
    """Lines with their ends. Only LF ends a line: other separators may be part of a pattern."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def pattern_of(line: str) -> str | None:
    """The pattern of a line, not quoted; `None` if the line has none."""
    match = _LINE.match(line.rstrip("\r\n"))
    return _unquote(match["pattern"]) if match else None


def attributes_of(line: str) -> list[str]:
    """The words that follow the pattern of a line."""
    match = _LINE.match(line.rstrip("\r\n"))
    return match["rest"].split() if match else []


def name_of(word: str) -> str:
    """The name of the attribute that a word sets or unsets."""
    return word.lstrip("-!").partition("=")[0]


def _with_theta(line: str, keep_encoding: bool) -> str:
    pattern, words = pattern_of(line) or "", attributes_of(line)
    others = [word for word in words if name_of(word) not in DRIVERS | HARMFUL]
    keep = (KEEP_ENCODING,) if keep_encoding or KEEP_ENCODING in words else ()
    return " ".join((quote(pattern), *ATTRIBUTES, *keep, *others)) + line_end(line)


def _with_values(line: str, values: Mapping[str, str]) -> str:
    if not values:
        return line
    others = [word for word in attributes_of(line) if name_of(word) not in values]
    own = (f"{name}={value}" for name, value in values.items())
    return " ".join((quote(pattern_of(line) or ""), *others, *own)) + line_end(line)


def line_end(line: str) -> str:
    """The end of a line: LF, CR LF or nothing."""
    return line[len(line.rstrip("\r\n")) :]


def read(path: Path) -> str:
    """The text of an attributes file; empty if there's none.

    Raises:
        UsageError: The file is a symbolic link, which Git doesn't follow.
    """
    if path.is_symlink():
        raise UsageError(f"{path} is a symbolic link, which Git ignores", "replace it by a real file")
    try:
        return os.fsdecode(path.read_bytes())
    except FileNotFoundError:
        return ""


def write(path: Path, text: str) -> None:
    """Replace an attributes file, all or nothing; its permissions stay."""
    atomic_write(path, os.fsencode(text))


def tracked_files(git: Git) -> list[str]:
    """Files of the index that git-theta stores, as paths from the top of the work tree."""
    listing = git.run("ls-files", "-z", "--full-name", "--", ":(attr:filter=theta,top)")
    names = (os.fsdecode(name) for name in listing.split(b"\0") if name)
    return [name for name in names if not is_plain_file(name)]


def asks_for_encoding(root: Path, git: Git) -> bool:
    """Whether any attributes file has the attribute `working-tree-encoding`, for files of some kind."""
    return any(
        name_of(word) == ENCODING and not word.startswith("!")
        for path in attribute_files(root, git)
        for line in lines_of(read(path))
        for word in line.split()
    )


def user_file(git: Git) -> Path:
    """The user's own attributes file, which needn't be there."""
    settings = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config")
    return Path(git.config("core.attributesfile") or settings / "git" / "attributes").expanduser()


def attribute_files(root: Path, git: Git) -> list[Path]:
    """The attributes files in the work tree, the repository's own, and the user's."""
    listing = git.run(
        "ls-files",
        "-z",
        "--full-name",
        "-c",
        "-o",
        "--exclude-standard",
        "--",
        ":(top,glob)**/.gitattributes",
    )
    found = [root / os.fsdecode(name) for name in sorted(set(listing.split(b"\0"))) if name]
    in_tree = [path for path in found if path.is_file() and not path.is_symlink()]
    own = git.folder / git.line("rev-parse", "--git-path", "info/attributes")
    user = user_file(git)
    # Git follows links to these two, though not to those in the work tree.
    return [*in_tree, *(path.resolve() for path in (own, user) if path.is_file())]
