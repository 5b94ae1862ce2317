"""The program: `git-theta`, `git theta`, `python -m git_theta`."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command that the arguments name; returns the exit code.

    The filter process and hooks are started by nearly every git command, and the diff and merge drivers for
    every file, so they're reached without the command line's machinery.
    """
    if sys.argv[1:] == ["filter-process"]:
        from git_theta.errors import ThetaError
        from git_theta.git.process import serve_stdio
        from git_theta.git.tell import explain

        try:
            return serve_stdio()
        except ThetaError as error:
            explain(None, error)
            return error.exit_code
    if sys.argv[1:2] == ["diff-driver"]:
        from git_theta.git.driver import serve

        return serve(sys.argv[2:])
    if sys.argv[1:2] == ["merge-driver"]:
        from git_theta.git.merge_driver import serve as merge

        return merge(sys.argv[2:])
    if sys.argv[1:2] == ["hook"] and len(sys.argv) > 2:
        from git_theta.git.run_hook import serve as hook

        return hook(sys.argv[2], sys.argv[3:])
    from git_theta.cli import main as run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
