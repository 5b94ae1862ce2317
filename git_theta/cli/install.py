"""`git theta install`."""

from __future__ import annotations

import os

import click

from git_theta.errors import GitError, UsageError
from git_theta.git.install.hooks import HookState, sends_objects
from git_theta.git.install.install import install, install_hooks
from git_theta.git.install.push_check import is_shared, unprotected
from git_theta.git.install.shared_hooks import add_to, hook_file
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository

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
    "or none at all. By default, only in the repository's own folder.",
)
def command(scope: str, hooks: bool | None) -> None:
    """Write the filter settings, once per user and machine.

    With them, every git command stores and restores tracked checkpoints. `git clone` needs the global
    (or system) ones. Running it again repairs an installation that was moved.
    """
    git = Git()
    written = install(git, scope, hook=hooks is not False)
    where = {"--global": "this user", "--local": "this repository", "--system": "this machine"}[scope]
    click.echo(f"git-theta is set up for {where}: {', '.join(written)}.")
    if hooks is not False and git.ok("rev-parse", "--git-dir"):
        _hooks(Repository(git), shared=hooks is True)
    elif hooks:
        raise UsageError("--hooks needs a repository")
    click.echo("Next: git theta track '*.safetensors'")


def _hooks(repository: Repository, shared: bool) -> None:
    states = install_hooks(repository)
    for name, state in states.items():
        if state not in (HookState.MANUAL, HookState.CURRENT):
            click.echo(f"hook {name}: {state.value}")
    if HookState.FAILED in states.values():
        raise GitError(
            f"some hooks couldn't be written in {repository.hooks_dir}",
            "check its permissions and what's there; everything else works without hooks",
        )
    reason = unprotected(repository)
    if reason and shared and is_shared(repository) and not sends_objects(repository.hooks_dir):
        path = hook_file(repository.hooks_dir, "pre-push")
        add_to(path)
        click.echo(f"hook pre-push: added to {os.path.relpath(path)}; commit that file")
        reason = unprotected(repository)
    if reason:
        click.echo(f"warning: {reason}", err=True)
