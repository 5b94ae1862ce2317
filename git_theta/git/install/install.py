"""The settings that make Git run the filter, and commands that still work outside its environment."""

from __future__ import annotations

import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import git_theta
from git_theta.git.install.hooks import CONFIGURED_HOOK, HookState, ensure_hooks
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.settings import DIFF_DRIVER

_GONE = (
    "git-theta isn't where it was installed any more. Install it again (pip install git-theta), "
    "then run: git theta install"
)

#: Stands for the file's path until the command is complete; no path on disk has a NUL.
_PATH = "\0"

MERGE_DRIVER = "merge.theta.driver"
MERGE_TOOL = "mergetool.theta.cmd"

#: What Git replaces by files with base, ours and theirs, and by the path; a character stands for `%`.
_VERSIONS = ("\1O", "\1A", "\1B", "\1P")

#: Settings of the filter: key → arguments of git-theta.
_COMMANDS = {
    "filter.theta.process": ("filter-process",),
    "filter.theta.clean": ("clean", "--", _PATH),
    "filter.theta.smudge": ("smudge", "--", _PATH),
}


def shell_command(*args: str, last: bool = False) -> str:
    """A shell command that runs git-theta from wherever it was installed.

    Git may be started by an editor or a cron job, with another PATH and other Python variables, so
    the interpreter is named by its path, and the current folder, which may be a stranger's repository,
    is kept off Python's. If this installation is gone, another one on PATH is used, and if there's
    none, a message says how to repair it.

    Args:
        args: Arguments, quoted for the shell by the caller if they need it.
        last: Whether the shell does nothing afterwards. Then git-theta takes its place, and a git that is
            interrupted waits for git-theta itself, not for a shell that has already gone.
    """
    words, run = " ".join(args), "exec " if last else ""
    program = shlex.quote(str(Path(git_theta.__file__).with_name("__main__.py")))
    python = shlex.quote(sys.executable)
    return (
        f"if [ -x {python} ] && [ -f {program} ]; then {run}{_python()} -m git_theta {words}; "
        f"elif command -v git-theta >/dev/null 2>&1; then {run}git-theta {words}; "
        f"else echo {shlex.quote(_GONE)} >&2; false; fi"
    )


@cache
def _python() -> str:
    """The interpreter with options; `-P` keeps the current folder off the path, `-E` strangers' variables."""
    python = shlex.quote(sys.executable)
    isolated = f"{python} -E -P"
    if sys.flags.ignore_environment and sys.flags.safe_path:
        return isolated
    parent = str(Path(git_theta.__file__).parent.parent)
    probe = subprocess.run(
        [sys.executable, "-E", "-P", "-c", "import git_theta; print(git_theta.__file__)"],
        capture_output=True,
        text=True,
        cwd="/",
    )
    if probe.returncode == 0 and probe.stdout.strip() == git_theta.__file__:
        return isolated
    # A source tree that only PYTHONPATH makes importable.
    return f"env PYTHONPATH={shlex.quote(parent)} {python} -P"


def filter_settings() -> dict[str, str]:
    """The settings to write."""
    found = {key: shell_command(*args, last=True) for key, args in _COMMANDS.items()}
    for key in ("filter.theta.clean", "filter.theta.smudge"):
        # Git replaces `%f` by the quoted path, and `%%`, here only, by `%`.
        found[key] = found[key].replace("%", "%%").replace(_PATH, "%f")
    found[DIFF_DRIVER] = _driver_command()
    merge = shell_command("merge-driver", *_VERSIONS, last=True)
    found[MERGE_DRIVER] = merge.replace("%", "%%").replace("\1", "%")
    found["merge.theta.name"] = "merge checkpoints parameter by parameter"
    # In a criss-cross merge the merge bases are merged first. That base may as well be an older one.
    found["merge.theta.recursive"] = "binary"
    # The shell, and not Git, replaces the variable.
    found[MERGE_TOOL] = shell_command("merge-tool", "--", '"$MERGED"')
    found["mergetool.theta.trustExitCode"] = "true"
    # Without this, Git maps whole files into memory and stores them as they are if the filter fails.
    return {**found, "filter.theta.required": "true"}


def _driver_command() -> str:
    """Git appends the arguments; a failure would end `git diff`, so there's none."""
    return "theta() { " + shell_command('"$@"') + " || :; }; theta diff-driver"


def hook_settings() -> dict[str, str]:
    """The settings of a hook that Git runs from version 2.54 on, wherever its other hooks are.

    Older versions ignore them. Repositories without objects aren't kept waiting for git-theta.
    """
    wanted = 'theta=$(git rev-parse --git-common-dir)/theta && [ -d "$theta" ] || exit 0; '
    # An event without a command would end every push, so the command comes first.
    return {
        f"hook.{CONFIGURED_HOOK}.command": f"{wanted}{hook_command()} hook pre-push",
        f"hook.{CONFIGURED_HOOK}.event": "pre-push",
    }


def install_settings(git: Git, scope: str, hook: bool = True) -> dict[str, str]:
    """Write the settings.

    Args:
        git: Git in the user's folder.
        scope: `--global`, `--local`, `--system` or `--worktree`.
        hook: Whether to write those of the hook, too.

    Returns:
        What was written.

    Raises:
        GitError: Git can't write them.
    """
    written = filter_settings() | (hook_settings() if hook else {})
    for key, value in written.items():
        git.run("config", scope, "--replace-all", key, value)
    return written


def uninstall_settings(git: Git, scope: str) -> bool:
    """Remove the settings; returns whether there were any.

    Raises:
        GitError: Git can't write them, or there's no repository whose settings they could be.
    """
    found = False
    if git.ok("config", scope, "--get-all", DIFF_DRIVER):
        # There may be other settings of the driver, which are the user's.
        git.run("config", scope, "--unset-all", DIFF_DRIVER)
        found = True
    for section in ("filter", "merge", "mergetool", "hook"):
        if git.ok("config", scope, "--get-regexp", rf"^{section}\.theta\."):
            git.run("config", scope, "--remove-section", f"{section}.theta")
            found = True
    if not found and scope == "--local":
        git.run("rev-parse", "--git-dir")
    return found


def install_hooks(repository: Repository) -> dict[str, HookState]:
    """Install the hooks of a repository, unless its hooks are kept elsewhere."""
    own = (repository.common_dir / "hooks").resolve()
    folder = repository.hooks_dir
    return ensure_hooks(folder, hook_command(), own_folder=folder.resolve() == own)


def hook_command() -> str:
    """The command for hooks: the same as the filter's, as a function so that arguments can follow."""
    return "theta() { " + shell_command('"$@"') + "; }; theta"
