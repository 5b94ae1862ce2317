"""The program: `git-theta`, `git theta`, `python -m git_theta`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

# Git waits for everything that is imported here, and `typing` takes a tenth of that time.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> int:
    """Run the command that the arguments name; returns the exit code.

    The filter process and hooks are started by nearly every git command, and the diff and merge drivers for
    every file, so they're reached without the command line's machinery.
    """
    _hide_warnings()
    _open_standard_streams()
    match sys.argv[1:]:
        case ["filter-process"] | ["diff-driver" | "merge-driver", *_] | ["hook", _, *_]:
            _exit(_run_driver(sys.argv[1], sys.argv[2:]))
    from git_theta.cli import main as run
    from git_theta.runtime.early_end import INTERRUPTED, end_at_interrupt, end_early
    from git_theta.runtime.output import accept_any_text

    accept_any_text(sys.stdout)
    end_at_interrupt("interrupted")
    code = run(sys.argv[1:])
    if code == INTERRUPTED:
        # Python would wait for all threads.
        end_early(code)
    return code


def _hide_warnings() -> None:
    """Hide warnings of libraries, such as numpy's of an overflow, unless Python was asked for them."""
    if not sys.warnoptions:
        # Python reads the options when it imports `warnings`, which Git needn't wait for.
        sys.warnoptions.append("ignore")
        if "warnings" in sys.modules:
            import warnings

            warnings.simplefilter("ignore")


def _open_standard_streams() -> None:
    """Open `/dev/null` as stdin, stdout and stderr if they're closed, as Git does.

    Else the next file that's opened would take their place, and get what is printed.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115


def _run_driver(name: str, args: Sequence[str]) -> int:
    if name == "filter-process":
        from git_theta.git.drivers.filter_main import serve_stdio

        return serve_stdio()
    # This comes before the imports, which garbage collection would slow down.
    from git_theta.runtime.malloc import keep_memory

    keep_memory()
    # Tensors have threads of our own. To start those of numpy's linear algebra takes longer than most
    # commands run.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from git_theta.runtime.early_end import end_at_interrupt

    # Of the merge driver, Git takes any other code than 0 and 1 for a breakdown.
    end_at_interrupt("git-theta: interrupted", 1 if name == "merge-driver" else 130)
    if name == "diff-driver":
        from git_theta.git.drivers.diff import run_diff_driver

        return run_diff_driver(args)
    if name == "merge-driver":
        from git_theta.git.drivers.merge import run_merge_driver

        return run_merge_driver(args)
    from git_theta.git.drivers.run_hook import run_hook

    return run_hook(args[0], args[1:])


def _exit(code: int) -> NoReturn:
    """End without Python's clean-up, which takes 20 ms: Git waits, and everything is written."""
    try:
        sys.stdout.flush()
    except OSError:
        code = code or 1
    with suppress(OSError):
        sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
