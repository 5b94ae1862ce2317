"""The program: `git-theta`, `git theta`, `python -m git_theta`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

# Git waits for what is loaded here, and `typing` is a tenth of it.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> int:
    """Run the command that the arguments name; returns the exit code.

    The filter process and hooks are started by nearly every git command, and the diff and merge drivers for
    every file, so they're reached without the command line's machinery.
    """
    match sys.argv[1:]:
        case ["filter-process"] | ["diff-driver" | "merge-driver", *_] | ["hook", _, *_]:
            _leave(_serve(sys.argv[1], sys.argv[2:]))
    from git_theta.cli import main as run

    return run(sys.argv[1:])


def _serve(name: str, args: Sequence[str]) -> int:
    if name == "filter-process":
        from git_theta.git.drivers.filter_main import serve_stdio

        return serve_stdio()
    # First of all, since looking for garbage would slow the imports down.
    from git_theta.runtime.malloc import keep_memory

    keep_memory()
    # Tensors are worked on by our own threads. Those of numpy's linear algebra take longer to start than most
    # commands compute.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if name == "diff-driver":
        from git_theta.git.drivers.diff import serve

        return serve(args)
    if name == "merge-driver":
        from git_theta.git.drivers.merge import serve as merge

        return merge(args)
    from git_theta.git.drivers.run_hook import serve as hook

    return hook(args[0], args[1:])


def _leave(code: int) -> NoReturn:
    """End without taking the interpreter apart, which takes 20 ms: Git waits, and all is done."""
    try:
        sys.stdout.flush()
    except OSError:
        code = code or 1
    with suppress(OSError):
        sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
