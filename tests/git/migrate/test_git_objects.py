"""Reading and writing what a migration rewrites: trees, packs, pointers, LFS objects."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import CorruptError, FormatError, GitError, MissingObjectError
from git_theta.git.migrate.git_objects import GitObjects, TreeEntry, format_tree, parse_tree
from git_theta.git.migrate.lfs_objects import fetch_absent, verified_object, work_tree_fetcher
from git_theta.git.migrate.pack_writer import PackWriter
from git_theta.git.plumbing.command import Git
from git_theta.git.remote.lfs_ref import pointer
from git_theta.store.lfs.pointer import Pointer, parse_pointer
from git_theta.store.local import LocalStore
from git_theta.store.remote import RemoteObject
from tests.helpers.repo import Repo

OID = hashlib.sha256(b"hello").hexdigest()


@pytest.fixture(params=["sha1", "sha256"])
def empty(tmp_path: Path, request: pytest.FixtureRequest) -> Repo:
    made = Repo(tmp_path)
    made.git("init", "-q", f"--object-format={request.param}")
    return made


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


@given(st.binary(max_size=40).map(lambda data: hashlib.sha256(data).hexdigest()), st.integers(0, 1 << 60))
def test_pointers_are_read(oid: str, size: int) -> None:
    assert parse_pointer(pointer(oid, size)) == Pointer(oid, size)


@pytest.mark.parametrize(
    "data",
    [b"", b"version 1", pointer(OID, 5)[:-3], pointer(OID, 5) + b"x" * 1024, b"a" + pointer(OID, 5)],
)
def test_other_blobs_are_no_pointers(data: bytes) -> None:
    found = parse_pointer(data)
    assert found is None or data.endswith(b"size")


def test_pointers_of_old_versions_are_read() -> None:
    old = pointer(OID, 5).replace(b"git-lfs.github.com/spec/v1", b"hawser.github.com/spec/v1")
    assert parse_pointer(old) == Pointer(OID, 5)


def test_pointers_with_extensions_are_refused() -> None:
    first, _, rest = pointer(OID, 5).partition(b"\n")
    with pytest.raises(FormatError, match="extensions"):
        parse_pointer(first + b"\next-0-foo sha256:" + OID.encode() + b"\n" + rest)


def test_absent_objects_come_from_the_nearest_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("work").write_bytes(b"hello")
    store = LocalStore(tmp_path / "lfs")
    asked: list[Sequence[RemoteObject]] = []

    def server(wanted: Sequence[RemoteObject], store: LocalStore) -> None:
        asked.append(wanted)

    other = "0" * 64
    ways = [work_tree_fetcher({OID: [b"nothing", b"work"], other: [b"work"]}), server]
    with pytest.raises(MissingObjectError, match=other):
        fetch_absent(store, {OID: 5, other: 5}, ways)
    assert asked == [[RemoteObject(other, 5)]]
    assert bytes(verified_object(store, OID, 5)) == b"hello"
    fetch_absent(store, {OID: 5}, [])
    with pytest.raises(CorruptError):
        verified_object(store, OID, 6)


def test_an_empty_pack_is_nothing(empty: Repo) -> None:
    PackWriter(io.BytesIO(), "sha1").install(Git(empty.path))
