from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from git_theta.runtime.output import accept_any_text
from tests.helpers.repo import Repo


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("latin-1", b"\xe4 ? ? ?"), ("ascii", b"? ? ? ?"), ("utf-8", "ä … λ ".encode() + b"\xff")],
)
def test_characters_that_an_encoding_lacks(encoding: str, expected: bytes) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding, "strict")
    accept_any_text(stream)
    stream.write("ä … λ \udcff")
    stream.flush()
    assert raw.getvalue() == expected


def test_bytes_follow_what_was_printed() -> None:
    code = (
        "from git_theta.runtime import output; print('one'); output.write_stdout(b'two\\n'); print('three')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"one\ntwo\nthree\n"


def test_a_process_without_a_stream() -> None:
    accept_any_text(None)


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "gbk"])
@pytest.mark.parametrize("args", [["merge", "--list"], ["--help"], ["status"]])
def test_commands_in_other_encodings(repo: Repo, encoding: str, args: list[str]) -> None:
    repo.write("λ…é.safetensors", b"1")
    repo.git("add", ".")
    done = subprocess.run(
        [sys.executable, "-m", "git_theta", *args],
        cwd=repo.path,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
    )
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
