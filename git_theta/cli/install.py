"""`git theta install`."""

from __future__ import annotations

import click

from git_theta.errors import GitError
from git_theta.git.command import Git
from git_theta.git.hooks import HookState
from git_theta.git.install import hook_command, install, install_hooks
from git_theta.git.repository import Repository

_EPILOG = """\b
Examples:
  git theta install            for every repository of this user
  git theta install --local    for this repository only
"""


@click.command("install", epilog=_EPILOG, short_help="Set Git up to use git-theta, once per user.")
@click.option("--global", "scope", flag_value="--global", default="--global", help="For this user (default).")
@click.option("--local", "scope", flag_value="--local", help="For this repository.")
@click.option("--system", "scope", flag_value="--system", help="For every user of this machine.")
@click.option("--hooks/--no-hooks", default=True, help="Install hooks in this repository, if there is one.")
def command(scope: str, hooks: bool) -> None:
    """Write the filter settings, once per user and machine.

    With them, every git command stores and restores tracked checkpoints. `git clone` needs the global
    (or system) ones. Running it again repairs an installation that was moved.
    """
    git = Git()
    written = install(git, scope)
    where = {"--global": "this user", "--local": "this repository", "--system": "this machine"}[scope]
    click.echo(f"git-theta is set up for {where}: {', '.join(written)}.")
    if hooks and git.ok("rev-parse", "--git-dir"):
        _hooks(Repository(git))
    click.echo("Next: git theta track '*.safetensors'")


def _hooks(repository: Repository) -> None:
    states = install_hooks(repository)
    for name, state in states.items():
        if state is HookState.MANUAL:
            click.echo(f"hook {name}: Git's hooks are in {repository.hooks_dir} (core.hooksPath). Add there:")
            click.echo(f'    {hook_command()} hook {name} "$@"')
        elif state is not HookState.CURRENT:
            click.echo(f"hook {name}: {state.value}")
    if HookState.FAILED in states.values():
        raise GitError(
            f"some hooks couldn't be written in {repository.hooks_dir}",
            "check its permissions and what's there; everything else works without hooks",
        )
