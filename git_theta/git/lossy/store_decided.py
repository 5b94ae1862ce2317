"""Models whose plans are decided: their values are stored, and their files written and staged."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from git_theta.checkpoint_file import NOT_STORED
from git_theta.encoding.new_manifest import completed
from git_theta.errors import ThetaError
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.lossy.bases import LossyBase, ModelBases, PlannedBase, PlannedModel, StoredBase
from git_theta.git.lossy.open_models import OpenModel
from git_theta.git.lossy.renewed_records import renewed_records, write_records
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.manifest_walk import index_manifests, revision_manifests
from git_theta.git.worktree.previous_version import previous_version
from git_theta.git.worktree.update_target import UpdateTarget, write_and_stage_all
from git_theta.git.worktree.workspace import Workspace
from git_theta.lineage.model_digest import model_digest
from git_theta.lossy.model import LossyModel
from git_theta.lossy.search import SearchResult
from git_theta.model.manifest import Entry, Manifest
from git_theta.sideload.draft import Draft, apply_payload, store_all


@dataclass(frozen=True, slots=True)
class DecidedModel:
    """A model with the plan that its tests allow.

    Attributes:
        model: The model.
        lossy: Its parameters and levels.
        chosen: Name of a parameter → the value that it starts from; `None` for zeros.
        found: The plan.
        bases: The versions and models that its values may start from.
    """

    model: OpenModel
    lossy: LossyModel
    chosen: Mapping[str, LossyBase | None]
    found: SearchResult
    bases: ModelBases

    def planned(self) -> PlannedModel:
        """The values that the model gets."""
        values, current = self.lossy.values(self.found.plan), self.model.current
        checkpoints = {name: file.checkpoint for file in self.model.files for name in file.checkpoint.tensors}
        return PlannedModel(
            current, lambda name: values[name]() if name in values else checkpoints[name].value(name)
        )


def store_decided(workspace: Workspace, tree: LineageTree, decided: Sequence[DecidedModel]) -> None:
    """Store the values of models, write and stage their files, and renew their lineage records.

    Args:
        workspace: The repository's parts, with Git at the top of the work tree.
        tree: The index.
        decided: The models, none before its parents.

    Raises:
        ThetaError: A file was written to or staged meanwhile, or can't be written. Nothing is staged then.
    """
    git = workspace.repository.git
    needed = _needed_objects(git, [file.target.path for each in decided for file in each.model.files])
    manifests: list[tuple[UpdateTarget, Manifest]] = []
    final: dict[str, list[Manifest]] = {}
    digests: dict[str, tuple[str, str]] = {}
    for each in decided:
        name = each.model.name
        rounded = _stored_entries(workspace, each, final)
        parents = [manifest for parent in each.bases.planned for manifest in final[parent]]
        new = [
            _manifest(workspace, file.target, rounded, [*each.bases.stored, *parents], needed)
            for file in each.model.files
        ]
        manifests += zip((file.target for file in each.model.files), new, strict=True)
        final[name] = new
        entries = [entry for manifest in new for entry in manifest.entries]
        digests[name] = model_digest(each.model.current.entries), model_digest(entries)
    records = renewed_records(tree, digests)
    for target, _ in manifests:
        if previous_version(git, target.path).oid != target.previous.oid:
            raise ThetaError(f"{target.path} was staged meanwhile", "try again when it's quiet")
    if any(manifest != target.previous.manifest for target, manifest in manifests):
        write_and_stage_all(manifests)
        write_records(workspace.repository, records)


def _needed_objects(git: Git, replaced: Collection[str]) -> set[str]:
    """Names of the objects that HEAD and the index need, without the files that are about to be replaced.

    Args:
        git: Git at the top of the work tree.
        replaced: Paths of these files, from there.
    """
    staged = [version for version in index_manifests(git) if version.path not in replaced]
    has_head = git.ok("rev-parse", "-q", "--verify", "HEAD")
    committed = revision_manifests(git, "HEAD") if has_head else []
    manifests = (version.manifest for version in (*staged, *committed))
    return {oid for manifest in manifests if manifest for oid in manifest.oids()}


def _stored_entries(
    workspace: Workspace, each: DecidedModel, final: Mapping[str, Sequence[Manifest]]
) -> dict[str, Entry]:
    """Digest of an exact value → the entry with the value that is stored in its place.

    Args:
        workspace: The repository's parts.
        each: The model.
        final: Path of a model → the manifests of its files, of models that were stored before.
    """
    repository, lossy = workspace.repository, each.lossy
    plan = {name: level for name, level in each.found.plan.items() if level != lossy.exact}

    def make(name: str) -> Draft | None:
        parameter, level = lossy.parameters[name], plan[name]
        start = _start_of(each.chosen[name], final)
        entry = Entry(name, parameter.spec, "", NOT_STORED)
        update = lossy.levels[level].update
        return apply_payload(entry, start, update, lossy.payload(name, level), repository.store)

    made = store_all(make, plan, repository.store, repository.settings.thread_count)
    current = each.model.current.by_name
    return {current[name].digest: entry for name, entry in made.items()}


def _start_of(base: LossyBase | None, final: Mapping[str, Sequence[Manifest]]) -> Entry | None:
    """The stored value that a parameter starts from."""
    if isinstance(base, PlannedBase):
        return next(each.by_name[base.name] for each in final[base.model] if base.name in each.by_name)
    return base.entry if isinstance(base, StoredBase) else None


def _manifest(
    workspace: Workspace,
    target: UpdateTarget,
    rounded: Mapping[str, Entry],
    bases: Sequence[Manifest],
    needed: Collection[str],
) -> Manifest:
    """The manifest of a file, with the values that are stored nearly in place of the exact ones.

    Args:
        workspace: The repository's parts.
        target: The file.
        rounded: Digest of an exact value → the entry with the value that is stored in its place.
        bases: Versions and models whose values may be used.
        needed: Names of the objects that are kept whatever becomes of the file.
    """
    previous = target.previous.manifest
    if not rounded and not target.is_changed:
        return previous
    earlier = [previous, *bases] if set(previous.oids()) <= set(needed) else bases
    manifest = target.clean_apart({digest: entry.source for digest, entry in rounded.items()}, earlier)
    entries = tuple(
        replace(entry, digest=rounded[entry.digest].digest, source=rounded[entry.digest].source)
        if entry.digest in rounded
        else entry
        for entry in manifest.entries
    )
    return completed(replace(manifest, entries=entries), workspace.repository.store, (manifest,))
