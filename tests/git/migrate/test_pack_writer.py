from __future__ import annotations

import io
from pathlib import Path

import pytest

from git_theta.git.migrate.git_objects import TreeEntry, format_tree
from git_theta.git.migrate.pack_writer import PackWriter
from git_theta.git.plumbing.command import Git
from tests.helpers.repo import Repo


@pytest.mark.parametrize("count", [1, 200])
def test_a_pack_enters_the_repository_in_one_step(empty: Repo, tmp_path: Path, count: int) -> None:
    texts = [b"%d" % i * 3000 for i in range(count)]
    git = Git(empty.path)
    with (tmp_path / "pack").open("w+b") as file:
        pack = PackWriter(file, git.line("rev-parse", "--show-object-format"))
        oids = [pack.add("blob", text) for text in texts]
        assert pack.add("blob", texts[0]) == oids[0]
        tree = pack.add("tree", format_tree({b"f": TreeEntry(b"100644", b"f", oids[0])}))
        assert pack.get(oids[-1]) == texts[-1]
        assert pack.get("0" * 40) is None
        assert not git.ok("cat-file", "-e", oids[0])
        pack.install(git)
    assert git.run("cat-file", "blob", oids[-1]) == texts[-1]
    assert git.run("ls-tree", "--name-only", tree) == b"f\n"
    git.run("fsck", "--strict")


def test_an_empty_pack_is_nothing(empty: Repo) -> None:
    PackWriter(io.BytesIO(), "sha1").install(Git(empty.path))
