"""`filter.theta.process`: one process that serves the git command that started it.

Git waits for each answer, and until every byte of a file is read. So the handshake is done, and a large file
is being read, before anything else is imported.
"""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout, suppress
from itertools import chain

from git_theta.errors import ThetaError, explained
from git_theta.git.drivers.filter_protocol import requests, shake_hands
from git_theta.git.plumbing.discard import DiscardProcess
from git_theta.git.plumbing.pktline import PacketReader, PacketWriter, widen_pipe
from git_theta.git.plumbing.sigint import interrupts_ignored
from git_theta.git.repository.rule_variables import gives_rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_theta.git.drivers.filter_process import FilterProcess
    from git_theta.git.repository.repository import Repository


def serve_stdio() -> int:
    """Serve the git process that started this one; returns the exit code."""
    try:
        # Packets go to the descriptor of stdout: a plugin that prints must not write between them.
        with redirect_stdout(sys.stderr):
            return _serve()
    except Exception as error:
        from git_theta.git.plumbing.notices import explain

        explain(None, error)
        return explained(error).exit_code


def _serve() -> int:
    with interrupts_ignored():
        widen_pipe(0)
        widen_pipe(1)
        reader, writer, discarder = PacketReader(0), PacketWriter(1), DiscardProcess(0)
        shake_hands(reader, writer)
        incoming = requests(reader, discarder)
        first = next(incoming, None)
        if first is None:
            return 0
        process = _process(writer)
        process.serve(chain([first], incoming))
        discarder.close()
    from git_theta.git.drivers.filter_process import UNFINISHED
    from git_theta.runtime.early_end import INTERRUPTED, end_at_interrupt, end_early

    end_at_interrupt(UNFINISHED)
    try:
        process.finish()
    except KeyboardInterrupt:
        end_early(INTERRUPTED, UNFINISHED)
    return 0


def _process(writer: PacketWriter) -> FilterProcess:
    from git_theta.runtime.malloc import keep_memory

    keep_memory()
    # Tensors have threads of our own already: numpy needn't start more for each.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from git_theta.git.drivers.filter_process import FilterProcess
    from git_theta.git.plumbing.command import Git
    from git_theta.git.repository.repository import Repository

    repository = Repository(Git())
    _ensure_hooks(repository)
    if gives_rules(os.environ):
        _keep_rules(repository)
    return FilterProcess(repository, writer)


def _keep_rules(repository: Repository) -> None:
    """Keep the merge rules that a rebase is given, as it may stop before it merges a checkpoint.

    The merge driver reports rules that aren't valid.
    """
    from git_theta.git.repository.given_rules import given_rules, keep_rules
    from git_theta.git.repository.operation import current_operation

    operation = current_operation(repository)
    with suppress(ThetaError):
        keep_rules(repository, operation, given_rules(repository, operation))


def _ensure_hooks(repository: Repository) -> None:
    """Install hooks where the filter runs, as a fresh clone has none. A failure isn't reported here."""
    from git_theta.git.install.git_lfs import lacks_git_lfs_hooks
    from git_theta.git.install.hooks import hooks_installed, sends_objects

    if repository.settings.hooks and (
        not hooks_installed(repository.hooks_dir) or lacks_git_lfs_hooks(repository)
    ):
        from git_theta.git.install.install import install_hooks
        from git_theta.git.install.push_check import note_unsent_objects

        with suppress(ThetaError, OSError):
            sent = sends_objects(repository.hooks_dir)
            install_hooks(repository)
            if not sent and sends_objects(repository.hooks_dir):
                note_unsent_objects(repository)
