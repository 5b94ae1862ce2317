"""Hooks in a folder that a team shares: husky's, or any other that core.hooksPath names.

These files belong to the team, and some members don't have git-theta. The lines that are added do nothing for
them: without the settings of the filter, nobody makes manifests.
"""

from __future__ import annotations

import re
from pathlib import Path

from git_theta.errors import UsageError

_COMMENT = "# git-theta: send the objects of checkpoints before the commits that need them."
_UNLESS_ABSENT = "! git config filter.theta.process >/dev/null ||"

_ALONE = f"""{_COMMENT}
{_UNLESS_ABSENT} git theta hook pre-push "$@" || exit 1
"""

#: The rest of the file still reads the refs from stdin, as before.
_FIRST = f"""{_COMMENT}
refs=$(cat)
{_UNLESS_ABSENT} printf '%s\\n' "$refs" | git theta hook pre-push "$@" || exit 1
if [ -n "$refs" ]; then exec <<REFS
$refs
REFS
else exec </dev/null; fi

"""

_SHELLS = re.compile(r"#!\s*\S*/(env\s+)?(ba|da|k|z)?sh\b")

#: Lines that must stay before ours: the interpreter, and the first line of husky 5 to 8.
_START = re.compile(r"(#![^\n]*\n)?(\s*\.\s[^\n]*/husky\.sh[^\n]*\n)?")


def hook_file(folder: Path, name: str) -> Path:
    """The file of a hook that users write.

    Args:
        folder: The folder where Git looks for hooks. That of husky 9, `_`, has husky's files; users write
        theirs
            in the folder above.
        name: The hook.
    """
    return (folder.parent if folder.name == "_" else folder) / name


def add_push_hook(path: Path) -> None:
    """Let a pre-push hook send objects first; its own commands stay and run afterwards.

    Raises:
        UsageError: The file isn't a shell script, or is a link.
        OSError: The file can't be written.
    """
    if path.is_symlink():
        raise UsageError(f"{path} is a link; add to the file that it leads to:", details=_ALONE.splitlines())
    existed = path.exists()
    text = path.read_bytes().decode(errors="surrogateescape") if existed else ""
    if text.startswith("#!") and not _SHELLS.match(text):
        raise UsageError(
            f"{path} isn't a shell script",
            "make it run `git theta hook pre-push` with its own arguments and input, and stop if that fails",
        )
    start = _START.match(text)
    head = start.group() if start else ""
    rest = text[len(head) :]
    if not head.startswith("#!"):
        head = "#!/bin/sh\n" + head
    text = head + (_FIRST + rest if rest.strip() else _ALONE)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(errors="surrogateescape"))
    if not existed:
        path.chmod(0o755)
