"""Versions of models that are tested: the manifests of their files, and the small files beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from git_theta.errors import UsageError
from git_theta.git.lineage.tree import LineageTree
from git_theta.lineage.model_digest import model_digest
from git_theta.model.digest import digest
from git_theta.model.manifest import Manifest

#: Ends of the names of files beside a model that libraries read with it, such as `config.json`.
_BESIDE = (".json", ".txt", ".model", ".jinja", ".yaml", ".yml")

#: Bytes of such a file at most, and the number of these.
MAX_BESIDE = 32 << 20
_MAX_FILES = 100


@dataclass(frozen=True)
class TestedVersion:
    """A version of a model, with all that its copy needs.

    Attributes:
        name: The model's path from the top.
        files: Name → manifest, of each of its files, in their order.
        beside: Name → content, of small files of its folder.
        is_sharded: Whether it has several files, or other names than its own.
    """

    #: For pytest, which takes classes of such names for tests.
    __test__ = False

    name: str
    files: Mapping[str, Manifest]
    beside: Mapping[str, bytes]
    is_sharded: bool

    @cached_property
    def digest(self) -> str:
        """The digest of the model's parameters."""
        return model_digest(entry for manifest in self.files.values() for entry in manifest.entries)

    @property
    def identity(self) -> dict[str, object]:
        """All by which its copy differs from that of another version, for the key of a result."""
        return {
            "model": self.digest,
            "files": file_identities(list(self.files.items()), self.is_sharded),
            "beside": {name: digest(data) for name, data in sorted(self.beside.items())},
        }


def file_identities(files: Sequence[tuple[str, Manifest]], is_sharded: bool) -> list[list[str]]:
    """Name, format and digest of the layout, of each file of a model; of one alone, its suffix is enough."""
    return [
        [name if is_sharded else name.rpartition(".")[2], manifest.format, manifest.layout.digest]
        for name, manifest in files
    ]


def tested_version(tree: LineageTree, model: str) -> TestedVersion:
    """The version of a model in a tree.

    Raises:
        UsageError: The tree has no such model, or not all of its files.
        ManifestError: A manifest is damaged.
    """
    parts = tree.models.get(model)
    if parts is None:
        raise UsageError(
            f"{model} isn't a model in {tree.rev or 'the index'}", "git theta ls-files lists them"
        )
    if parts.problem:
        raise UsageError(parts.problem, "add the whole model")
    names = [file.rpartition("/")[2] for file in parts.files]
    files = dict(zip(names, tree.manifests(model), strict=True))
    return TestedVersion(model, files, files_beside(tree, parts.files[0], names), parts.is_sharded)


def is_beside(name: str) -> bool:
    """Whether a file that lies beside a model, by its name, may belong to it."""
    return name.endswith(_BESIDE)


def files_beside(tree: LineageTree, path: str, models: Sequence[str]) -> dict[str, bytes]:
    """Name → content, of the small files in the folder of a model's file, without models."""
    folder, _, _ = path.rpartition("/")
    own = {file for parts in tree.models.values() for file in parts.files}
    found: dict[str, bytes] = {}
    for each in tree.files:
        above, _, name = each.rpartition("/")
        if above == folder and is_beside(name) and each not in own and name not in models:
            data = tree.read(each, MAX_BESIDE)
            if data is not None and len(found) < _MAX_FILES:
                found[name] = data
    return found
