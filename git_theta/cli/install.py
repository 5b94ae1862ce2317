"""`git theta install`."""

from __future__ import annotations

import os
from collections.abc import Mapping

import click

from git_theta.errors import GitError, UsageError
from git_theta.git.install.hooks import HookState, sends_objects
from git_theta.git.install.install import install_hooks, install_settings
from git_theta.git.install.push_check import has_shared_hooks, push_problem
from git_theta.git.install.shared_hooks import add_push_hook, hook_file
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.git_version import check_oldest_version
from git_theta.git.repository.repository import Repository
from git_theta.report.text import plural
from git_theta.runtime.output import say, warn

#: States of hooks that need no explanation.
_PLAIN = (HookState.INSTALLED, HookState.CURRENT, HookState.UNNEEDED)

_EPILOG = """\b
Examples:
  git theta install            for every repository of this user
  git theta install --local    for this repository only
  git theta install --hooks    also add to hooks that the team shares
"""


@click.command("install", epilog=_EPILOG, short_help="Set Git up to use git-theta, once per user.")
@click.option("--global", "scope", flag_value="--global", default="--global", help="For this user (default).")
@click.option("--local", "scope", flag_value="--local", help="For this repository.")
@click.option("--system", "scope", flag_value="--system", help="For every user of this machine.")
@click.option(
    "--hooks/--no-hooks",
    default=None,
    help="Install hooks in this repository, even in a folder of hooks in the work tree, such as husky's; "
    "or no hooks. By default, they go into the repository's own folder only.",
)
def command(scope: str, hooks: bool | None) -> None:
    """Write the filter settings, once per user and machine.

    With them, every git command stores and restores tracked checkpoints. `git clone` needs global or system
    settings. Run the command again to repair an installation that was moved.
    """
    git = Git()
    check_oldest_version(git)
    settings = install_settings(git, scope, hook=hooks is not False)
    repository = Repository(git) if hooks is not False and git.ok("rev-parse", "--git-dir") else None
    states = install_hooks(repository) if repository else {}
    say(_summary(scope, len(settings), states))
    if repository:
        _explain_hooks(repository, states, shared=hooks is True)
    elif hooks:
        raise UsageError("--hooks needs a repository")
    say("Next: git theta track '*.safetensors'")


def _summary(scope: str, settings: int, states: Mapping[str, HookState]) -> str:
    """One line about the settings and hooks."""
    where = {"--global": "this user", "--local": "this repository", "--system": "this machine"}[scope]
    summary = f"git-theta is set up for {where}: {plural(settings, 'setting')}"
    present = (HookState.INSTALLED, HookState.CURRENT, HookState.CHAINED)
    hooks = sum(state in present for state in states.values())
    return f"{summary}, and {plural(hooks, 'hook')} in this repository." if hooks else f"{summary}."


def _explain_hooks(repository: Repository, states: Mapping[str, HookState], *, shared: bool) -> None:
    """Print what else there is to know or to do about hooks; with `shared`, add to the team's."""
    for name, state in states.items():
        if state not in (*_PLAIN, HookState.MANUAL):
            say(f"hook {name}: {state.value}")
    if HookState.FAILED in states.values():
        raise GitError(
            f"some hooks couldn't be written in {repository.hooks_dir}",
            "check the permissions of that folder and its files; all else works without hooks",
        )
    reason = push_problem(repository)
    if reason and shared and has_shared_hooks(repository) and not sends_objects(repository.hooks_dir):
        path = hook_file(repository.hooks_dir, "pre-push")
        add_push_hook(path)
        say(f"hook pre-push: added to {os.path.relpath(path)}; commit that file")
        reason = push_problem(repository)
    if reason:
        warn(f"warning: {reason}")
