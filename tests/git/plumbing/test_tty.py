from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from git_theta.git.plumbing.tty import read_line

_ASK = """
import sys
from git_theta.git.plumbing.tty import on_terminal, read_line
with on_terminal() as there:
    line = read_line("? ") if there else ""
print(there, repr(line), sys.stdin.read())
"""


def test_lines_that_are_not_typed_are_echoed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("one\ntwo\n"))
    assert [read_line("> "), read_line("> ")] == ["one", "two"]
    with pytest.raises(EOFError):
        read_line("> ")
    assert capsys.readouterr().out.startswith("> one\n> two\n")


def test_a_closed_stdin_has_no_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(EOFError):
        read_line("> ")


def test_a_line_that_is_not_text(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(b"\xff\n"), encoding="utf-8", errors="strict")
    monkeypatch.setattr(sys, "stdin", stdin)
    assert read_line("> ") == "\ufffd"


def test_without_a_terminal_nothing_changes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _ASK], input=b"rest", capture_output=True, check=True, start_new_session=True
    )
    assert done.stdout == b"False '' rest\n"


@pytest.mark.skipif(not Path("/dev/tty").exists(), reason="needs terminals")
def test_questions_go_to_the_terminal_and_stdin_comes_back(tmp_path: Path) -> None:
    (tmp_path / "stdin").write_text("rest")
    child, terminal = pty.fork()
    if child == 0:
        with open(tmp_path / "stdin") as stdin, open(tmp_path / "stdout", "w") as stdout:
            os.dup2(stdin.fileno(), 0)
            os.dup2(stdout.fileno(), 1)
            os.execv(sys.executable, [sys.executable, "-c", _ASK])
    os.write(terminal, b"typed\n")
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert status == 0
    assert (tmp_path / "stdout").read_text() == "True 'typed' rest\n"


_CONFIRM = "import sys; from git_theta.git.plumbing.tty import confirm; print(confirm(sys.argv[1]))"


def test_nobody_is_asked_without_a_terminal() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _CONFIRM, "x"], capture_output=True, check=True, start_new_session=True
    )
    assert done.stdout == b"None\n"


@pytest.mark.skipif(not Path("/dev/tty").exists(), reason="needs terminals")
@pytest.mark.parametrize(
    ("typed", "variable", "answer"),
    [(b"y\n", "1", "True"), (b"Yes\n", "", "True"), (b"\n", "", "False"), (b"n\n", "", "False")]
    + [(b"y\n", value, "None") for value in ("0", "false")],
)
def test_an_answer_on_the_terminal(tmp_path: Path, typed: bytes, variable: str, answer: str) -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.environ["GIT_TERMINAL_PROMPT"] = variable
        with open(tmp_path / "stdout", "w") as stdout:
            os.dup2(stdout.fileno(), 1)
            os.execv(sys.executable, [sys.executable, "-c", _CONFIRM, "a\x1b[31m\nb?"])
    os.write(terminal, typed)
    shown = b""
    while answer != "None" and b"[y/N] " not in shown:
        shown += os.read(terminal, 1000)
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert status == 0
    assert (tmp_path / "stdout").read_text() == f"{answer}\n"
    assert answer == "None" or b"git-theta: a%1B[31m%0Ab? [y/N] " in shown
