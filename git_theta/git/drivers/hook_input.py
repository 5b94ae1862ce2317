"""The input of a pre-push hook, from Git or from a program that runs hooks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

_ZERO_OID = "0" * 40


def push_input(
    args: Sequence[str], lines: Iterable[str], environment: Mapping[str, str]
) -> tuple[str, str, list[str]]:
    """The remote's name, its URL, and a line for each ref: local ref and object, remote ref and object.

    Git gives name and URL as arguments, and writes lines. pre-commit has the same for the first ref in
    environment variables, and husky 4 has arguments and lines there.

    Args:
        args: The hook's arguments.
        lines: The hook's standard input.
        environment: Environment variables.
    """
    ref_lines = list(lines)
    if len(args) < 2:
        args = environment.get("HUSKY_GIT_PARAMS", "").split()
    if not any(line.strip() for line in ref_lines):
        ref_lines = environment.get("HUSKY_GIT_STDIN", "").splitlines()
    if len(args) >= 2:
        return args[0], args[1], ref_lines
    name, url = environment.get("PRE_COMMIT_REMOTE_NAME", ""), environment.get("PRE_COMMIT_REMOTE_URL", "")
    if not ref_lines and (local := environment.get("PRE_COMMIT_LOCAL_BRANCH")):
        # Without TO_REF, the whole branch is new.
        new = environment.get("PRE_COMMIT_TO_REF") or local
        old = environment.get("PRE_COMMIT_FROM_REF") or _ZERO_OID
        ref_lines = [f"{local} {new} {environment.get('PRE_COMMIT_REMOTE_BRANCH', local)} {old}"]
    return name, url, ref_lines
