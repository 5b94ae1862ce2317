"""The program of our hooks: it sends objects before a push, and writes checkpoints after a checkout."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from contextlib import closing

from git_theta.errors import explained
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.notices import explain, note
from git_theta.git.repository.repository import Repository


def run_hook(name: str, args: Sequence[str]) -> int:
    """Run a hook and return its exit code; only `pre-push` fails, which stops the push.

    Args:
        name: The hook, for example `pre-push`.
        args: The hook's arguments.
    """
    try:
        if name == "pre-push":
            return _send_objects(args)
        _write_checkpoints()
    except Exception as error:
        explain(None, error)
        return explained(error).exit_code if name == "pre-push" else 0
    except KeyboardInterrupt:
        note("interrupted")
        return 130
    return 0


def _write_checkpoints() -> None:
    """Write the checkpoints that Git left as manifests."""
    from git_theta.git.remote.fetch import is_here
    from git_theta.git.worktree.known_files import KnownFiles
    from git_theta.git.worktree.materialise import explain_failed, materialise
    from git_theta.git.worktree.pending_files import pending_files

    began = time.time_ns()
    repository = Repository(Git())
    if repository.git.line("rev-parse", "--is-inside-work-tree") != "true":
        return
    repository = repository.at_top()
    with closing(KnownFiles(repository)) as known_files:
        pending = pending_files(repository)
        if repository.settings.lazy:
            pending = [item for item in pending if is_here(repository, item.manifest)]
        explain_failed(materialise(repository, known_files, pending, began))


def _send_objects(args: Sequence[str]) -> int:
    """Send the objects that a push needs; returns the exit code of git-lfs, if that has to be run, too."""
    from git_theta.git.drivers.hook_input import push_input
    from git_theta.git.install.git_lfs import keeps_out_git_lfs, push_by_git_lfs
    from git_theta.git.plumbing.parent_command import is_dry_run, is_quiet
    from git_theta.git.remote.dry_run import sizes_to_send
    from git_theta.git.remote.lfs_ref import REF
    from git_theta.git.remote.push import push_updates, sent_text
    from git_theta.git.remote.ref_updates import mirror_deletions, parse_updates
    from git_theta.report.text import human_size, plural

    # Names of refs needn't be UTF-8.
    name, url, lines = push_input(args, map(os.fsdecode, sys.stdin.buffer), os.environ)
    repository = Repository(Git())
    updates = [*parse_updates(lines), *mirror_deletions(repository.git, name, url, REF)]
    dry_run = is_dry_run()
    if dry_run:
        sizes = sizes_to_send(repository, name, url, updates)
        if sizes:
            note(f"would send {plural(len(sizes), 'object')}, {human_size(sum(sizes))}")
    else:
        done = push_updates(repository, name, url, updates)
        if done and done.count and not is_quiet():
            note(sent_text(done))
    return push_by_git_lfs(name, url, lines, dry_run=dry_run) if keeps_out_git_lfs(repository) else 0
