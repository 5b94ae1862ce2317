from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import GitError
from git_theta.git.migrate.git_objects import GitObjects, TreeEntry, format_tree, parse_tree
from tests.helpers.repo import Repo


def test_trees_are_as_git_has_them(empty: Repo) -> None:
    for name in ("a", "a.b", "a0/x", "a/x.txt", "ü"):
        if name != "a":
            empty.write(name, name.encode())
    empty.git("add", "-A")
    oid = empty.git("write-tree").strip()
    with GitObjects(empty.path) as objects:
        data = objects.read(oid).data
        entries = objects.tree(oid)
        assert [entry.name for entry in entries] == [b"a.b", b"a", b"a0", "ü".encode()]
        assert format_tree({entry.name: entry for entry in reversed(entries)}) == data


def test_large_objects_are_read_in_part_and_copied(empty: Repo, tmp_path: Path) -> None:
    data = bytes(range(256)) * 20_000
    done = empty.run("git", "hash-object", "-w", "--stdin", stdin=data)
    with GitObjects(empty.path) as objects, (tmp_path / "out").open("w+b") as file:
        head = objects.head(done.stdout.strip(), 100)
        assert (head.size, head.data) == (len(data), data[:100])
        assert objects.copy(done.stdout.strip(), file.fileno()) == len(data)
        assert (tmp_path / "out").read_bytes() == data
        with pytest.raises(GitError):
            objects.read("0" * len(done.stdout.strip()))
        assert objects.read(done.stdout.strip()).data == data


@given(
    st.lists(
        st.tuples(
            st.binary(min_size=1).filter(lambda n: not {0, 32, 47} & {*n}),
            st.binary(min_size=20, max_size=20),
        )
    )
)
def test_trees_round_trip(pairs: list[tuple[bytes, bytes]]) -> None:
    entries = {name: TreeEntry(b"100644", name, oid.hex()) for name, oid in pairs}
    assert {entry.name: entry for entry in parse_tree(format_tree(entries), 20)} == entries
