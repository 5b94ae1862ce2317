"""`git theta` in this process: a new process would take longer than most commands."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO
from unittest.mock import patch

from git_theta.cli import main

#: The descriptor, mode and error handler of each standard stream.
_STREAMS = {
    "stdin": (0, "r", "surrogateescape"),
    "stdout": (1, "w", "surrogateescape"),
    "stderr": (2, "w", "backslashreplace"),
}


def theta(
    folder: Path, args: Sequence[str], stdin: bytes | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `git theta ARGS…` in a folder."""
    with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as err:
        given.write(stdin or b"")
        given.seek(0)
        with (
            _standard("stdin", given),
            _standard("stdout", out),
            _standard("stderr", err),
            patch.dict(os.environ, env or {}),
            chdir(folder),
        ):
            code = main(args)
        return subprocess.CompletedProcess(args, code, _text(out), _text(err))


@contextmanager
def _standard(name: str, file: IO[bytes]) -> Iterator[None]:
    """Replace a standard stream by a file, also for child processes."""
    descriptor, mode, errors = _STREAMS[name]
    kept = os.dup(descriptor)
    os.dup2(file.fileno(), descriptor)
    try:
        with (
            open(descriptor, mode, encoding="utf-8", errors=errors, closefd=False) as stream,
            patch.object(sys, name, stream),
        ):
            yield
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")
