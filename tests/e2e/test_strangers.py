"""A stranger's repository: text from it is shown, and obeyed by nobody."""

from __future__ import annotations

import numpy as np

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

#: A title for the window, a colour, a line made up, and letters from right to left.
EVIL = "a\x1b]0;PWNED\x07\x1b[31m\ngit-theta: all is well\u202e"


def test_names_and_authors_reach_the_terminal_escaped(repo: Repo) -> None:
    name = f"{EVIL}.safetensors"
    repo.write(name, safetensors_bytes({f"w{EVIL}": np.ones((40, 40), "f4")}))
    repo.git("add", "-A")
    repo.git("commit", "-qm", EVIL, "--author", f"{EVIL} <a@x>")
    text = repo.git("show", f"HEAD:{name}").replace("F32", "F33", 1)
    said = {
        command: repo.theta(*command.split(), ok=False) for command in ("status", "ls-files", "log", "du")
    }
    said["show"] = repo.theta("show", name, ok=False)
    said["params"] = repo.theta("pull", "--params", "nope", ok=False)
    repo.write("new.safetensors", safetensors_bytes({EVIL: np.zeros(3, "f4")}))
    said["diff"] = repo.git("diff", "--ext-diff", "HEAD", ok=False)
    repo.write(name, text.encode())
    said["add"] = repo.git("add", "-A", ok=False)
    said["ls-files of text"] = repo.theta("ls-files", ok=False)
    (repo.path / ".gitattributes").write_text("*\x1b[31m.pt filter=theta diff=theta merge=theta -text\n")
    said["track"] = repo.theta("track", ok=False)
    for command, lines in said.items():
        assert "\x1b" not in lines, command
        assert "\u202e" not in lines, command
        assert "\ngit-theta: all is well" not in lines, command
    assert "a%1B]0;PWNED%07%1B[31m%0Agit-theta: all is well%E2%80%AE.safetensors" in said["add"]


def test_env_prints_no_password(repo: Repo) -> None:
    for number, url in enumerate(
        ("https://me:s3cret@h/lfs", "https://h/lfs?token=s3cret", "ssh://me:s3cret@h/x")
    ):
        repo.git("config", f"remote.r{number}.url", url)
        repo.git("config", f"theta.remote.r{number}.url", url)
        repo.git("config", f"theta.remote.{url}.url", url)
    for command in (("env",), ("env", "--json")):
        said = repo.theta(*command)
        assert "https://h/lfs" in said
        assert "s3cret" not in said
