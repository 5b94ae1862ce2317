"""Histories of manifests, made by `git fast-import`: any graph, in an instant, and without objects."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from git_theta.model.manifest import Entry, Manifest, ObjectRef, Source
from git_theta.model.name_escapes import sort_key
from git_theta.model.tensor import TensorSpec
from tests.helpers.repo import Repo


def hexadecimal(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def manifest_of(values: Mapping[str, str], layout: str = "layout") -> bytes:
    """A manifest of parameters with these values: 20 numbers each, stored in 70 bytes."""

    def source(value: str) -> Source:
        return Source("dense", ObjectRef(hexadecimal("object" + value), 0, 70))

    entries = tuple(
        Entry(name, TensorSpec("F32", (4, 5)), hexadecimal(values[name]), source(values[name]))
        for name in sorted(values, key=sort_key)
    )
    first = Entry("layout", TensorSpec("U8", (9,)), hexadecimal(layout), source(layout))
    return Manifest("safetensors", 100, first, entries).to_bytes()


class History:
    """Makes commits in a repository.

    Args:
        repo: The repository; its work tree isn't changed.
    """

    def __init__(self, repo: Repo) -> None:
        self.repo = repo
        self._time = 1_700_000_000

    def commit(self, name: str, parents: str = "", /, **files: Mapping[str, str] | bytes) -> str:
        """Make a commit on a branch; returns its id.

        Args:
            name: The branch, and the subject.
            parents: Branches, with spaces between.
            files: All files of the commit; `__` in a name stands for a dot.
        """
        self._time += 60
        stream = [
            f"commit refs/heads/{name}".encode(),
            f"author Ada <ada@example.com> {self._time} +0100".encode(),
            f"committer Bob <bob@example.com> {self._time} +0000".encode(),
            _data(name.encode()),
        ]
        words = ["from", *["merge"] * 9]
        stream += [
            f"{word} refs/heads/{parent}".encode()
            for word, parent in zip(words, parents.split(), strict=False)
        ]
        stream.append(b"deleteall")
        for path, content in files.items():
            text = content if isinstance(content, bytes) else manifest_of(content)
            stream += [f"M 100644 inline {path.replace('__', '.')}".encode(), _data(text)]
        self.repo.run("git", "fast-import", "--quiet", "--force", stdin=b"\n".join(stream) + b"\n")
        return self.repo.git("rev-parse", name).strip()


def _data(text: bytes) -> bytes:
    return b"data %d\n%s" % (len(text), text)
