"""What a push is about to do, as Git tells its hook or as a program that runs hooks passes it on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

_NOTHING = "0" * 40


def told(
    args: Sequence[str], lines: Iterable[str], environment: Mapping[str, str]
) -> tuple[str, str, list[str]]:
    """The remote's name, its URL, and Git's lines: local ref, its object, remote ref, the object there.

    Git gives two arguments and writes lines. pre-commit says the same of the first ref in environment
    variables, and husky 4 has what it was given in variables, too.

    Args:
        args: The hook's arguments.
        lines: What it's given to read.
        environment: Environment variables.
    """
    given = list(lines)
    if len(args) < 2:
        args = environment.get("HUSKY_GIT_PARAMS", "").split()
    if not any(line.strip() for line in given):
        given = environment.get("HUSKY_GIT_STDIN", "").splitlines()
    if len(args) >= 2:
        return args[0], args[1], given
    name, url = environment.get("PRE_COMMIT_REMOTE_NAME", ""), environment.get("PRE_COMMIT_REMOTE_URL", "")
    if not given and (local := environment.get("PRE_COMMIT_LOCAL_BRANCH")):
        # Without TO_REF, all of the branch is new.
        new = environment.get("PRE_COMMIT_TO_REF") or local
        old = environment.get("PRE_COMMIT_FROM_REF") or _NOTHING
        given = [f"{local} {new} {environment.get('PRE_COMMIT_REMOTE_BRANCH', local)} {old}"]
    return name, url, given
