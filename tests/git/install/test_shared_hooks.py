from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from git_theta.errors import UsageError
from git_theta.git.install.shared_hooks import add_push_hook, hook_file

REFS = "refs/heads/main 1 refs/heads/main 2\n"


_GIT = """#!/bin/sh
[ "$1" = config ] && exit "${CONFIG:-0}"
echo "$@" >> "$LOG"
cat >> "$LOG"
exit "${CODE:-0}"
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a hook beside a `git` that logs; returns its exit code, the log and its stdout.

    The variable CODE is the exit code of that `git`, and CONFIG that of `git config`.
    """
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "git").write_text(_GIT)
    (folder / "git").chmod(0o755)

    def run(hook: Path, **variables: str) -> tuple[int, str, str]:
        log = tmp_path / "log"
        log.write_text("")
        env = {"PATH": f"{folder}:{os.environ['PATH']}", "LOG": str(log), **variables}
        done = subprocess.run([hook, "origin", "url"], input=REFS, capture_output=True, text=True, env=env)
        return done.returncode, log.read_text(), done.stdout

    return run


def test_the_folder_of_a_hook(tmp_path: Path) -> None:
    assert hook_file(tmp_path / ".hooks", "pre-push") == tmp_path / ".hooks" / "pre-push"
    assert hook_file(tmp_path / ".husky" / "_", "pre-push") == tmp_path / ".husky" / "pre-push"


def test_a_new_hook_sends_objects(tmp_path: Path, run: Run) -> None:
    hook = tmp_path / "hooks" / "pre-push"
    add_push_hook(hook)
    assert run(hook) == (0, f"theta hook pre-push origin url\n{REFS}", "")
    assert run(hook, CODE="3")[0] == 1
    assert run(hook, CONFIG="1") == (0, "", "")


def test_a_hook_that_is_there_runs_afterwards_with_the_same_input(tmp_path: Path, run: Run) -> None:
    hook = tmp_path / "pre-push"
    hook.write_text('#!/bin/sh\necho mine "$@"\ncat\n')
    hook.chmod(0o755)
    add_push_hook(hook)
    assert run(hook) == (0, f"theta hook pre-push origin url\n{REFS}", f"mine origin url\n{REFS}")
    assert run(hook, CODE="1") == (1, f"theta hook pre-push origin url\n{REFS}", "")
    assert run(hook, CONFIG="1") == (0, "", f"mine origin url\n{REFS}")


def test_the_first_lines_of_husky_stay_first(tmp_path: Path) -> None:
    hook = tmp_path / "pre-push"
    start = '#!/usr/bin/env sh\n. "$(dirname -- "$0")/_/husky.sh"\n'
    hook.write_text(f"{start}npm test\n")
    hook.chmod(0o700)
    add_push_hook(hook)
    text = hook.read_text()
    assert text.startswith(start)
    assert text.endswith("npm test\n")
    assert hook.stat().st_mode & 0o777 == 0o700


def test_a_file_without_an_interpreter_gets_one(tmp_path: Path) -> None:
    hook = tmp_path / "pre-push"
    hook.write_bytes(b"echo \xff\n")
    add_push_hook(hook)
    assert hook.read_bytes().startswith(b"#!/bin/sh\n")
    assert hook.read_bytes().endswith(b"echo \xff\n")


def test_other_programs_and_links_are_refused(tmp_path: Path) -> None:
    hook = tmp_path / "pre-push"
    hook.write_text("#!/usr/bin/env python3\nprint()\n")
    with pytest.raises(UsageError, match="isn't a shell script"):
        add_push_hook(hook)
    assert hook.read_text() == "#!/usr/bin/env python3\nprint()\n"
    link = tmp_path / "link"
    link.symlink_to(hook)
    with pytest.raises(UsageError, match="is a link") as caught:
        add_push_hook(link)
    assert "git theta hook pre-push" in str(caught.value)
