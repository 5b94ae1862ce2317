"""A repository whose commits are made from files, without a work tree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from git_theta.git.plumbing.command import Git

#: Makes a commit: its files, then its parents.
Commit = Callable[..., str]


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    monkeypatch.chdir(tmp_path)
    Git().run("init", "-q", "-b", "main")
    (tmp_path / ".gitattributes").write_text("*.pt merge=theta\n")
    return Git()


@pytest.fixture
def commit(git: Git) -> Commit:
    def make(files: dict[str, str], *parents: str) -> str:
        lines = []
        for name, text in sorted(files.items()):
            oid = git.run("hash-object", "-w", "--stdin", stdin=text.encode()).decode().strip()
            lines.append(f"100644 blob {oid}\t{name}\n")
        tree = git.run("mktree", stdin="".join(lines).encode()).decode().strip()
        words = [word for parent in parents for word in ("-p", parent)]
        return git.run("commit-tree", tree, *words, stdin=b"a commit").decode().strip()

    return make
