"""`git theta uninstall`."""

from __future__ import annotations

import click

from git_theta.git.install.git_lfs import install_git_lfs_hooks, keeps_out_git_lfs
from git_theta.git.install.hooks import HookState, remove_hooks
from git_theta.git.install.install import uninstall_settings
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.runtime.output import say


@click.command("uninstall", short_help="Undo `git theta install`.")
@click.option("--global", "scope", flag_value="--global", default="--global", help="For this user (default).")
@click.option("--local", "scope", flag_value="--local", help="For this repository.")
@click.option("--system", "scope", flag_value="--system", help="For every user of this machine.")
def command(scope: str) -> None:
    """Remove the filter settings, and the hooks of the current repository.

    Earlier hooks are restored. Objects and history stay as they are; without the filter, a checkout writes
    manifests.
    """
    git = Git()
    removed = uninstall_settings(git, scope)
    place = scope.removeprefix("--")
    say(f"The {place} settings are removed." if removed else f"There were no {place} settings.")
    if git.ok("rev-parse", "--git-dir"):
        repository = Repository(git)
        needs_git_lfs = repository.has_own_hooks and keeps_out_git_lfs(repository)
        states = remove_hooks(repository.hooks_dir)
        if needs_git_lfs:
            install_git_lfs_hooks(repository)
        for name, state in states.items():
            if state is not HookState.ABSENT:
                say(f"hook {name}: {state.value}")
