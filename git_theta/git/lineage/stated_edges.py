"""Derivations that other files of a version state: cards, configs, GGUF files and manifests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final

from git_theta import formats
from git_theta.adapters.factor_names import CONFIG
from git_theta.errors import ThetaError
from git_theta.formats.base import HasScalars
from git_theta.git.lineage.tree import LineageTree
from git_theta.lineage.graph import Derivation
from git_theta.lineage.sources.adapter_config import MAX_CONFIG, adapter_parents
from git_theta.lineage.sources.gguf_keys import gguf_parents
from git_theta.lineage.sources.mergekit_config import MAX_CONFIG as MAX_MERGEKIT
from git_theta.lineage.sources.mergekit_config import MERGEKIT, mergekit_parents
from git_theta.lineage.sources.model_card import CARD, MAX_CARD, card_parents
from git_theta.lineage.sources.recipes import RecipeParents, has_recipes
from git_theta.lineage.sources.stated import StatedParent
from git_theta.merging.file_version import stored_version
from git_theta.merging.manifest_parts import structure_entries
from git_theta.model.manifest import Manifest

#: Name of a file beside a model → source of its edges, the most bytes, and its reader.
_BESIDE: Final[Mapping[str, tuple[str, int, Callable[[bytes], list[StatedParent]]]]] = {
    CONFIG: ("config", MAX_CONFIG, adapter_parents),
    MERGEKIT: ("mergekit", MAX_MERGEKIT, mergekit_parents),
    CARD: ("card", MAX_CARD, card_parents),
}

_GGUF: Final = "gguf"


def stated_edges(tree: LineageTree, recorded: Collection[str]) -> Iterator[Derivation | tuple[str, str]]:
    """The derivations that files beside models state, and then those in models.

    A file stands for the only model of its folder; a folder with several models has no common one.

    Args:
        tree: The version.
        recorded: Models whose records name parents: their manifests aren't searched for more.

    Yields:
        An edge; or the path of a model, and a sentence about a file that can't be read.
    """
    by_folder: dict[str, list[str]] = {}
    for name in tree.models:
        by_folder.setdefault(name.rpartition("/")[0], []).append(name)
    for folder, names in by_folder.items():
        if len(names) == 1:
            yield from _beside(tree, folder, names[0])
    for name in tree.models:
        facts = tree.facts_or_none(name)
        if facts and facts.format == _GGUF:
            yield from _in_gguf(tree, name)
    yield from _in_manifests(tree, [name for name in tree.models if name not in recorded])


def _beside(tree: LineageTree, folder: str, model: str) -> Iterator[Derivation | tuple[str, str]]:
    prefix = f"{folder}/" if folder else ""
    for file, (source, limit, read) in _BESIDE.items():
        path = f"{prefix}{file}"
        if path not in tree.files or path in tree.models:
            continue
        data = tree.read(path, limit)
        try:
            parents = read(data) if data is not None else []
        except ThetaError as error:
            yield model, f"{path}: {error.message}"
            continue
        yield from _edges(tree, model, folder, source, parents)


def _in_gguf(tree: LineageTree, model: str) -> Iterator[Derivation]:
    store = tree.repository.store
    plugin = formats.registry().get(_GGUF)
    assert isinstance(plugin, HasScalars)  # noqa: S101
    for manifest in tree.manifests(model)[:1]:
        needed = {ref.oid for entry in structure_entries(manifest) for ref in entry.source.payloads()}
        if any(store.size(oid) is None for oid in needed):
            # In a lazy clone, the header isn't here.
            return
        try:
            metadata = dict(plugin.scalars(stored_version(manifest, store).skeleton))
        except ThetaError:
            return
        dtypes = (entry.spec.dtype for entry in manifest.entries)
        yield from _edges(tree, model, model.rpartition("/")[0], _GGUF, gguf_parents(metadata, dtypes))


def _in_manifests(tree: LineageTree, models: Iterable[str]) -> Iterator[Derivation]:
    manifests: dict[str, tuple[Manifest, ...]] = {}
    recipes: RecipeParents | None = None
    for child in models:
        facts = tree.facts_or_none(child)
        if facts is None or "recipe" not in facts.updates.split(","):
            continue
        if not manifests:
            readable = [name for name in tree.models if tree.facts_or_none(name)]
            manifests = {name: tree.manifests(name) for name in readable}
        if has_recipes(manifests[child]):
            # All models are looked at once, not for each child.
            recipes = recipes or RecipeParents(manifests)
            for parent in recipes.parents(child):
                yield Derivation(child, parent, "merge", "manifest")


def _edges(
    tree: LineageTree, child: str, folder: str, source: str, parents: Iterable[StatedParent]
) -> Iterator[Derivation]:
    for parent in parents:
        name = _here(tree, folder, parent.name) or parent.uri
        if name != child:
            yield Derivation(child, name, parent.relation, source)


def _here(tree: LineageTree, folder: str, name: str) -> str | None:
    """The model of the version that a name stands for: a path from the folder, or from the top."""
    for start in dict.fromkeys((folder, "")):
        parts: list[str] = []
        for part in f"{start}/{name}".split("/"):
            if part == "..":
                parts = parts[:-1]
            elif part not in ("", "."):
                parts.append(part)
        path = "/".join(parts)
        if path in tree.models:
            return path
        inside = [each for each in tree.models if path and each.rpartition("/")[0] == path]
        if len(inside) == 1:
            return inside[0]
    return None
