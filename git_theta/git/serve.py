"""`filter.theta.process`: one process that serves the git command that started it."""

from __future__ import annotations

import os
from contextlib import suppress

from git_theta.errors import ThetaError
from git_theta.git.command import Git
from git_theta.git.hooks import hooks_installed
from git_theta.git.interrupts import undisturbed
from git_theta.git.pktline import Reader, Writer, widen
from git_theta.git.process import Process
from git_theta.git.repository import Repository
from git_theta.git.tell import explain, note


def serve_stdio() -> int:
    """Serve the git process that started this one; returns the exit code."""
    try:
        return _serve()
    except ThetaError as error:
        explain(None, error)
        return error.exit_code


def _serve() -> int:
    # Tensors are worked on in threads already: numpy needn't start more for each.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with undisturbed():
        widen(0)
        widen(1)
        repository = Repository(Git())
        _ensure_hooks(repository)
        process = Process(repository, Reader(0), Writer(1))
        # A broken pipe means that git was interrupted. What it wrote as a manifest is still worth finishing.
        with suppress(BrokenPipeError):
            process.serve()
    try:
        process.finish()
    except KeyboardInterrupt:
        note("interrupted; run `git theta checkout` to write the files that still hold a manifest")
        return 130
    return 0


def _ensure_hooks(repository: Repository) -> None:
    """Install hooks where the filter runs: a fresh clone has none. A failure isn't worth a word here."""
    if repository.settings.hooks and not hooks_installed(repository.hooks_dir):
        from git_theta.git.install import install_hooks

        with suppress(ThetaError, OSError):
            install_hooks(repository)
