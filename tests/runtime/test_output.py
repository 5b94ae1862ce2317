from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from git_theta.runtime.output import accept_any_text, message_line, say, visible, warn, without_passwords
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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("models/ä λ 模型 100%.pt", "models/ä λ 模型 100%.pt"),
        ("a\x1b]0;PWNED\x07\x1b[31m", "a%1B]0;PWNED%07%1B[31m"),
        ("a\nerror: b", "a%0Aerror: b"),
        ("a\rb\tc\x7f\x00", "a%0Db%09c%7F%00"),
        ("abc\u202egnp.exe", "abc%E2%80%AEgnp.exe"),
        ("\u2066\u200b\ufeff\u061c", "%E2%81%A6%E2%80%8B%EF%BB%BF%D8%9C"),
        ("\x9b31m\x85\u2028", "%C2%9B31m%C2%85%E2%80%A8"),
        ("\udcff\udc80", "%FF%80"),
        ("\ud800", "%ED%A0%80"),
        ("\U000e0041", "%F3%A0%81%81"),
    ],
)
def test_nothing_invisible_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at https://me:s3cret@host/a: no", "at https://host/a: no"),
        ("'https://me:s3c@ret@host/a@b'", "'https://host/a@b'"),
        ("see https://host/a?token=s3cret, then", "see https://host/a then"),
        ("https://host?token=s3cret", "https://host"),
        ("ssh://git:s3cret@h/x and s3://k:s3cret@b/p?key=1", "ssh://h/x and s3://b/p"),
        ("git@host:a/b, really? a://", "git@host:a/b, really? a://"),
    ],
)
def test_urls_without_passwords(text: str, shown: str) -> None:
    assert without_passwords(text) == shown
    assert message_line(text) == shown


def test_lines_of_a_message_stay_lines(capsys: pytest.CaptureFixture[str]) -> None:
    say("one\x1b", "", "two\nthree")
    warn("https://me:s3cret@h/a\nerror: b", "x" * 100_000)
    out, err = capsys.readouterr()
    assert out == "one%1B\n\ntwo%0Athree\n"
    first, second = err.splitlines()
    assert first == "https://h/a%0Aerror: b"
    assert len(second) < 5000


def test_lines_of_a_process_without_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    say("a")
    warn("b")
