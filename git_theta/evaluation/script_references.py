"""Files that scripts refer to, by the text of the scripts: modules that Python imports, and words of a shell.

Nothing is run, and more may be found than a script really reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

#: Parts of a text between characters that separate words in a shell, or options from their values.
_PARTS = re.compile(r"[^\s=;|&<>()'\"`$]+")

_FROM = re.compile(r"^[ \t]*from[ \t]+(\.*)([\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n;#]*)", re.MULTILINE)
_IMPORT = re.compile(r"^[ \t]*import[ \t]+([^\n;#]+)", re.MULTILINE)
_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")


def shell_words(text: str) -> list[str]:
    """Parts of a text that may be paths."""
    return _PARTS.findall(text)


def module_paths(names: Iterable[str]) -> Iterator[str]:
    """Paths of files that modules may be in, from a folder where Python looks for modules.

    Args:
        names: Names of modules, such as `package.module`; of each, the packages around it are read, too.
    """
    for name in names:
        parts = name.split(".")
        for count in range(1, len(parts) + 1):
            path = "/".join(parts[:count])
            yield f"{path}.py"
            yield f"{path}/__init__.py"


def imported_modules(text: str) -> tuple[list[str], list[tuple[int, str]]]:
    """Names of modules that a file of Python imports, or that may be attributes of them.

    Args:
        text: The file's text; it needn't be valid.

    Returns:
        Absolute names; and relative ones, each with its number of dots, which may have no name after them.
    """
    absolute: list[str] = []
    relative: list[tuple[int, str]] = []
    for dots, module, names in _FROM.findall(text):
        for name in ("", *_DOTTED.findall(names)):
            full = ".".join(part for part in (module.strip("."), name) if part)
            if dots:
                relative.append((len(dots), full))
            elif full:
                absolute.append(full)
    for names in _IMPORT.findall(text):
        absolute += _DOTTED.findall(names)
    return list(dict.fromkeys(absolute)), list(dict.fromkeys(relative))
