"""The environment of git commands that git-theta runs for itself."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

#: Variables by which users, or Git itself, change what a command means or prints. Variables that name the
#: repository, its index or its settings aren't among them, nor those that are about servers.
_DROPPED = frozenset(
    {
        # From Git 2.31 to 2.39, commands that don't know it refuse to run.
        "GIT_INTERNAL_SUPER_PREFIX",
        "GIT_LITERAL_PATHSPECS",
        "GIT_GLOB_PATHSPECS",
        "GIT_NOGLOB_PATHSPECS",
        "GIT_ICASE_PATHSPECS",
        # With 0, a command that is asked one question after another keeps its answers back.
        "GIT_FLUSH",
        # `git config` would read this file alone.
        "GIT_CONFIG",
        "GIT_EXTERNAL_DIFF",
        "GIT_DIFF_OPTS",
        "GIT_PRINT_SHA1_ELLIPSIS",
        "GIT_NOTES_DISPLAY_REF",
        "GIT_MERGE_VERBOSITY",
        "GIT_PAGER",
        "GIT_PAGER_IN_USE",
        "GIT_CURL_VERBOSE",
        "GIT_REDIRECT_STDIN",
        "GIT_REDIRECT_STDOUT",
        "GIT_REDIRECT_STDERR",
    }
)

#: Variables with folders that are relative to the folder in which the user started Git.
_FOLDERS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR")

#: Ends of names that start with `GIT_TRACE`, but don't say where to write.
_TRACE_OPTIONS = ("_BRIEF", "_NESTING", "_NO_DATA", "_MAX_FILES", "_REDACT")


def internal_environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment in which a git command means and prints the same, whatever users or Git have set.

    Args:
        base: The environment to start from; `None` for that of this process.
    """
    env = os.environ if base is None else base
    kept = {name: value for name, value in env.items() if not _changes_output(name, value)}
    # Messages are matched, so they must not be translated.
    return {**kept, "LC_ALL": "C"}


def make_folders_absolute(environment: MutableMapping[str, str]) -> None:
    """Replace relative folders in variables that name the repository, before Git runs in another folder.

    They're those of `git --git-dir=../r/.git --work-tree=..`.

    Args:
        environment: The environment; changed in place.
    """
    for name in _FOLDERS:
        if environment.get(name):
            environment[name] = os.path.abspath(environment[name])


def _changes_output(name: str, value: str) -> bool:
    if not name.startswith("GIT_"):
        return False
    if name.startswith("GIT_TRACE") and not name.endswith(_TRACE_OPTIONS):
        # A trace to a file or a socket disturbs nobody; a file descriptor is that of a message or an answer.
        return value.isdigit() or value.lower() == "true"
    return name in _DROPPED
