"""The settings by which Git runs the filter and the drivers, from any environment."""

from __future__ import annotations

import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import git_theta
from git_theta.git.install.git_lfs import install_git_lfs_hooks, lacks_git_lfs_hooks
from git_theta.git.install.hooks import CONFIGURED_HOOK, HookState, ensure_hooks
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.settings import DIFF_DRIVER

_GONE = (
    "git-theta isn't where it was installed any more. Install it again (pip install git-theta), "
    "then run: git theta install"
)

#: A placeholder for the path of the file until the command is complete; no path has a zero byte.
_PATH = "\0"

MERGE_DRIVER = "merge.theta.driver"
MERGE_TOOL = "mergetool.theta.cmd"

#: Git's placeholders for files with base, ours and theirs, and for the path; `\1` stands for `%`.
_VERSIONS = ("\1O", "\1A", "\1B", "\1P")

#: Settings of the filter: key → arguments of git-theta.
_COMMANDS = {
    "filter.theta.process": ("filter-process",),
    "filter.theta.clean": ("clean", "--", _PATH),
    "filter.theta.smudge": ("smudge", "--", _PATH),
}


def shell_command(*args: str, last: bool = False) -> str:
    """A shell command that runs this installation of git-theta.

    Git may be started by an editor or a cron job, with another PATH and other variables for Python. So the
    interpreter is named by its path, and Python doesn't import from the current folder, which may be a
    stranger's repository. If this installation is gone, another one on PATH is used; without one, a message
    says how to repair it.

    Args:
        args: Arguments, quoted for the shell by the caller where necessary.
        last: Whether the shell has nothing to do afterwards. git-theta then replaces the shell, and an
            interrupted git waits for git-theta itself, not for a shell that has ended already.
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
    """The interpreter with options: `-P` ignores the current folder, `-E` Python's environment variables."""
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
    """Key → value of the settings of filter, drivers and merge tool."""
    found = {key: shell_command(*args, last=True) for key, args in _COMMANDS.items()}
    for key in ("filter.theta.clean", "filter.theta.smudge"):
        # Git replaces `%f` by the quoted path, and `%%`, here only, by `%`.
        found[key] = found[key].replace("%", "%%").replace(_PATH, "%f")
    found[DIFF_DRIVER] = _driver_command()
    merge = shell_command("merge-driver", *_VERSIONS, last=True)
    found[MERGE_DRIVER] = merge.replace("%", "%%").replace("\1", "%")
    found["merge.theta.name"] = "merge checkpoints parameter by parameter"
    # In a criss-cross merge, Git merges the merge bases first. One of them is good enough as a base.
    found["merge.theta.recursive"] = "binary"
    # The shell replaces this variable, not Git.
    found[MERGE_TOOL] = shell_command("merge-tool", "--", '"$MERGED"')
    found["mergetool.theta.trustExitCode"] = "true"
    # Without this, Git maps whole files into memory and stores them as they are if the filter fails.
    return {**found, "filter.theta.required": "true"}


def _driver_command() -> str:
    """The command of the diff driver. Git adds arguments. It never fails, as that would end `git diff`."""
    return "theta() { " + shell_command('"$@"') + " || :; }; theta diff-driver"


def hook_settings() -> dict[str, str]:
    """Key → value of the settings of a hook that Git runs from version 2.54 on, wherever other hooks are.

    Older versions of Git ignore them. In repositories without objects, the hook ends before Python is
    started.
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
        hook: Whether to write the settings of the hook, too.

    Returns:
        Key → value of the settings that were written.

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
        GitError: Git can't write them, or there's no repository for local settings.
    """
    found = False
    if git.ok("config", scope, "--get-all", DIFF_DRIVER):
        # The section may have other settings, which are the user's.
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
    """Install hooks, unless the repository has another folder for them; returns each state by name.

    git-lfs's hooks are installed, too, where ours keep it from that.
    """
    states = ensure_hooks(repository.hooks_dir, hook_command(), own_folder=repository.has_own_hooks)
    if lacks_git_lfs_hooks(repository):
        install_git_lfs_hooks(repository)
    return states


def hook_command() -> str:
    """The shell command for hooks: a function, so that arguments can follow."""
    return "theta() { " + shell_command('"$@"') + "; }; theta"
