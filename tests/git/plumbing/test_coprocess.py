from __future__ import annotations

from contextlib import suppress

from git_theta.git.plumbing.coprocess import Coprocess
from tests.helpers.repo import Repo


def test_questions_and_answers(repo: Repo) -> None:
    made = Coprocess("check-attr", "--stdin", "-z", "filter", cwd=repo.path)
    for name, value in ((b"a.safetensors", b"theta"), (b"a.txt", b"unspecified")):
        assert made.fields(name + b"\0", 3) == [name, b"filter", value]
    made.close()
    assert made.fields(b"b.pt\0", 3)[2] == b"theta"
    made.close()


def test_variables_are_added(repo: Repo) -> None:
    made = Coprocess("cat-file", "--batch-check", cwd=repo.path, extra_env={"GIT_DIR": "nowhere"})
    # It may have ended before it's asked.
    answer: list[bytes] = []
    with suppress(OSError):
        answer = made.fields(b"HEAD\n", 1)
    assert answer == []
    made.close()


def test_a_command_that_ended_is_started_again(repo: Repo) -> None:
    made = Coprocess("cat-file", "--batch-check", cwd=repo.path)
    assert made.ask(b"HEAD\n").readline() == b"HEAD missing\n"
    made.close()
    repo.write("x", b"x")
    repo.commit()
    assert b" commit " in made.ask(b"HEAD\n").readline()
    made.close()
