"""The ref `refs/theta/objects` of a remote: a Git LFS pointer for each object.

Git LFS servers delete objects that no pointer in the repository names, and mirrors copy objects that a
pointer names. A manifest is no pointer. So the tree of this ref, which no branch contains and which only
grows, has a pointer for every object. Downloads don't need it: a manifest has everything that they take.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from git_theta.errors import GitError
from git_theta.git.plumbing.command import Git
from git_theta.git.remote.single_ref import fetch_tip, push_commit

#: The ref of the pointers.
REF = "refs/theta/objects"

#: Attributes beside the pointers, by which git-lfs recognises them.
_ATTRIBUTES = b"* filter=lfs diff=lfs merge=lfs -text\n.gitattributes -filter -diff -merge text\n"

#: The most attempts while others push at the same time.
_TRIES = 10


def pointer(oid: str, size: int) -> bytes:
    """The canonical pointer to an object."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n".encode()


@dataclass(frozen=True, slots=True)
class PointerCommit:
    """A commit of the pointers that a remote lacks.

    Attributes:
        tip: Id of the commit that the remote's ref points to; empty if there's no such ref.
        commit: Id of a commit on top of that, with the pointers; empty if the remote lacks none.
    """

    tip: str
    commit: str


def make_commit(git: Git, url: str, objects: Mapping[str, int]) -> PointerCommit:
    """Make a commit of the pointers that a remote lacks.

    Args:
        git: Git in the repository.
        url: URL of the remote.
        objects: Sizes of objects in bytes, by name.

    Raises:
        GitError: The remote can't be reached.
    """
    tip = fetch_tip(git, url, REF)
    lacking = sorted(objects.keys() - _listed(git, tip, sorted(objects)))
    return PointerCommit(tip, _commit(git, tip, {oid: objects[oid] for oid in lacking}) if lacking else "")


def publish(git: Git, url: str, objects: Mapping[str, int], first: PointerCommit | None = None) -> bool:
    """Push the pointers that a remote lacks; returns whether it lacked any.

    Args:
        git: Git in the repository.
        url: URL of the remote.
        objects: Sizes in bytes of objects that the remote has, by name.
        first: A commit of these pointers that was made earlier.

    Raises:
        GitError: The remote can't be reached, or refuses.
    """
    for attempt in range(_TRIES):
        made = first if first and not attempt else make_commit(git, url, objects)
        if not made.commit:
            return False
        try:
            push_commit(git, url, made.commit, REF)
            return True
        except GitError:
            # If somebody else was faster, the commit must be made again on top of theirs.
            if attempt == _TRIES - 1 or fetch_tip(git, url, REF) == made.tip:
                raise
    raise AssertionError("unreachable")


def _listed(git: Git, tip: str, oids: Sequence[str]) -> set[str]:
    """Names of objects that have a pointer in a commit; only the given ones are looked up."""
    if not tip:
        return set()
    # The commit comes from a server: a few trees that contain each other may list billions of names.
    asked = "".join(f"{tip}:{_place(oid)}\n" for oid in oids).encode()
    kinds = git.originals().run("cat-file", "--batch-check=%(objecttype)", stdin=asked).split(b"\n")
    return {oid for oid, kind in zip(oids, kinds, strict=False) if kind == b"blob"}


def _place(oid: str) -> str:
    """The path of an object's pointer."""
    return f"{oid[:2]}/{oid[2:]}"


def _commit(git: Git, parent: str, objects: Mapping[str, int]) -> str:
    ref = f"refs/theta/draft-{uuid4().hex}"
    try:
        made = git.run("fast-import", "--quiet", stdin=b"".join(_stream(ref, parent, objects)))
    finally:
        # Until it's pushed, the commit is too young for any garbage collection.
        git.ok("update-ref", "-d", ref)
    return made.decode().strip()


def _stream(ref: str, parent: str, objects: Mapping[str, int]) -> Iterator[bytes]:
    count = len(objects)
    yield f"commit {ref}\nmark :1\ncommitter git-theta <git-theta> {int(time.time())} +0000\n".encode()
    yield _data(f"Point to {count} object{'s' * (count != 1)}\n".encode())
    if parent:
        yield f"from {parent}\n".encode()
    else:
        yield b"M 100644 inline .gitattributes\n" + _data(_ATTRIBUTES)
    for oid, size in objects.items():
        yield f"M 100644 inline {_place(oid)}\n".encode() + _data(pointer(oid, size))
    yield b"get-mark :1\n"


def _data(content: bytes) -> bytes:
    return b"data %d\n%b\n" % (len(content), content)
