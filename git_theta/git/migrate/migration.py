"""The steps of a migration: conversions into a pack of its own, then one switch that can be seen."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from git_theta.encoding.readable import missing_values
from git_theta.errors import UsageError
from git_theta.git.install.hooks import hooks_installed
from git_theta.git.install.install import install_hooks
from git_theta.git.migrate.commit_history import CommitHistory, CommitNode
from git_theta.git.migrate.convert import Converter
from git_theta.git.migrate.file_blob import FileBlob, Tally, read_file_blob
from git_theta.git.migrate.lfs_objects import fetch_absent, server_fetcher, work_tree_fetcher
from git_theta.git.migrate.pack_writer import PackWriter
from git_theta.git.migrate.plan import MigrationPlan
from git_theta.git.migrate.request import MigrationRequest, MigrationSummary
from git_theta.git.migrate.rewrite import Rewriter
from git_theta.git.migrate.rewritten_refs import current_branch, left_behind, move_refs
from git_theta.git.migrate.work_tree import TreeSwitch, refuse_untracked, tree_changes
from git_theta.git.plumbing.command import Git
from git_theta.git.remote.fetch import ensure_values
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.known_files import KnownFiles
from git_theta.model.manifest import Entry, Manifest
from git_theta.report.text import human_size, plural, printable
from git_theta.runtime.progress import progress
from git_theta.store.local import LocalStore

#: Bytes of the largest file that hosts accept in Git itself.
_MAX_PLAIN = 100 << 20

#: Old blob → id of the new one, and how its file is stored.
_Converted = Mapping[str, tuple[str, FileBlob]]

#: Ref → old and new id.
_MovedRefs = Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Survey:
    """The blobs that are to be converted.

    Attributes:
        blobs: How their files are stored, by id, in the order of the plan.
        lacking: Entries of values whose objects aren't here.
        nbytes: Bytes that they cost, with all objects that they need.
    """

    blobs: Mapping[str, FileBlob]
    lacking: Sequence[Entry]
    nbytes: int


@dataclass(frozen=True, slots=True)
class Migration:
    """A migration that may begin.

    Attributes:
        repository: The repository, with Git at the top of its work tree.
        known_files: Remembers files whose manifest changes.
        git: Git in the repository, without replaced objects.
        request: The conversion.
        history: The commits that it's about.
        plan: The files that it concerns.
        lfs: The objects of git-lfs.
        pack: New objects.
        converter: Converts blobs.
    """

    repository: Repository
    known_files: KnownFiles
    git: Git
    request: MigrationRequest
    history: CommitHistory
    plan: MigrationPlan
    lfs: LocalStore
    pack: PackWriter
    converter: Converter

    def run(self, refs: Mapping[str, str]) -> MigrationSummary:
        """Convert the files, and switch to them.

        Args:
            refs: The refs to rewrite, if history is rewritten → what they point to.

        Raises:
            ThetaError: See `migrate`.
        """
        survey = self._survey()
        if not survey.blobs:
            return MigrationSummary()
        head = self._head(refs)
        if head:
            self._refuse_untracked(head)
        self._check_sizes(survey.blobs)
        self._fetch(survey)
        cost = Tally(self.repository.store)
        converted = self._convert(survey.blobs, cost)
        rewriter = Rewriter(self.history, self.pack, {old: new for old, (new, _) in converted.items()})
        moved = self._rewrite(rewriter, refs)
        new_tree = rewriter.tree(head.tree, self.plan.selections[head.oid]) if head else ""
        self.pack.install(self.git)
        written = self._switch(head, new_tree, survey.blobs, converted, moved)
        return MigrationSummary(
            files=len({path for oid in survey.blobs for path in self.plan.paths[oid]}),
            versions=len(survey.blobs),
            size=sum(new.size or 0 for _, new in converted.values()),
            before=survey.nbytes,
            after=cost.bytes,
            commits=len(rewriter.commits),
            refs=tuple(moved),
            left=tuple(left_behind(self.git, rewriter.commits, moved)),
            signatures=rewriter.signatures,
            written=tuple(written),
        )

    def _survey(self) -> _Survey:
        """Read every blob of the plan."""
        store = self.repository.store
        cost = Tally(store)
        blobs: dict[str, FileBlob] = {}
        lacking: list[Entry] = []
        outwards = self.request.target != "theta"
        for planned in self.plan.blobs:
            blob = read_file_blob(self.history.objects, planned.oid, planned.path, manifests=outwards)
            if blob.is_stored_as(self.request.target):
                continue
            cost.add(planned.oid, blob)
            lacking += missing_values(blob.manifest, store) if blob.manifest else ()
            blobs[planned.oid] = blob.without_manifest()
        return _Survey(blobs, lacking, cost.bytes)

    def _head(self, refs: Collection[str]) -> CommitNode | None:
        """The commit in the work tree, if its files are to be converted there."""
        if self.request.rewrite and current_branch(self.git) not in refs:
            return None
        oid = self.git.line("rev-parse", "HEAD")
        return next((commit for commit in self.history.commits if commit.oid == oid), None)

    def _refuse_untracked(self, head: CommitNode) -> None:
        """Fail if an attributes file that is to be made is in the work tree already."""
        folders = self.plan.selections[head.oid].edits.keys()
        new = folders - dict(self.history.attribute_files(head.tree)).keys()
        paths = (f"{folder}/.gitattributes" if folder else ".gitattributes" for folder in new)
        refuse_untracked(self.git, paths)

    def _check_sizes(self, blobs: Mapping[str, FileBlob]) -> None:
        if self.request.target != "plain" or self.request.force:
            return
        paths = {planned.oid: planned.path for planned in self.plan.blobs}
        sizes = {os.fsdecode(paths[oid]): blob.size or 0 for oid, blob in blobs.items()}
        large = {path: size for path, size in sizes.items() if size > _MAX_PLAIN}
        if large:
            path, size = max(large.items(), key=lambda item: item[1])
            raise UsageError(
                f"{plural(len(large), 'file')} above 100 MB, for example {printable(path)} with "
                f"{human_size(size)}: Git hosts refuse those",
                "export them with --to lfs; or use --force, for hosts that take them",
            )

    def _fetch(self, survey: _Survey) -> None:
        """Get the objects that aren't here, for all files at once."""
        repository = self.repository
        lfs = {oid: size for blob in survey.blobs.values() for oid, size in blob.lfs.items()}
        paths = {blob.pointer.oid: self.plan.paths[oid] for oid, blob in survey.blobs.items() if blob.pointer}
        fetch_absent(self.lfs, lfs, [work_tree_fetcher(self.git, paths), server_fetcher(repository)])
        if survey.lacking:
            ensure_values(repository, survey.lacking)

    def _convert(self, blobs: Mapping[str, FileBlob], cost: Tally) -> _Converted:
        """Convert all blobs, parents' versions first, and count what they cost."""
        converted: dict[str, tuple[str, FileBlob]] = {}
        total = sum(blob.size or sum(blob.lfs.values()) for blob in blobs.values())
        with progress(f"converting {plural(len(blobs), 'version')}", total) as advance:
            for planned in self.plan.blobs:
                if planned.oid not in blobs:
                    continue
                target, path = self.request.target, os.fsdecode(planned.path)
                previous = self._previous(planned.before, converted) if target == "theta" else []
                old = blobs[planned.oid]
                oid, new = self.converter.convert(planned.oid, old, target, path, previous, advance)
                cost.add(oid, new)
                converted[planned.oid] = oid, new.without_manifest()
        return converted

    def _previous(self, before: str, converted: _Converted) -> list[Manifest]:
        """The manifest of the first parent's version, if there's one."""
        oid = converted[before][0] if before in converted else before
        found = self.converter.known_manifest(oid) if oid else None
        return [found] if found else []

    def _rewrite(self, rewriter: Rewriter, refs: Mapping[str, str]) -> _MovedRefs:
        """Make new commits; returns the refs that move to them."""
        if not self.request.rewrite:
            return {}
        for commit in self.history.commits:
            rewriter.commit(commit, self.plan.selections[commit.oid])
        moved = {ref: (oid, rewriter.ref(oid)) for ref, oid in refs.items()}
        return {ref: (old, new) for ref, (old, new) in moved.items() if old != new}

    def _switch(
        self,
        head: CommitNode | None,
        new_tree: str,
        blobs: Mapping[str, FileBlob],
        converted: _Converted,
        moved: _MovedRefs,
    ) -> Sequence[str]:
        """Move refs, index and work tree; returns the files that have their content now."""
        repository = self.repository
        wants_hooks = self.request.target == "theta" and repository.settings.hooks
        # Git may not have called the filter here yet, and a push needs a hook.
        if wants_hooks and not hooks_installed(repository.hooks_dir):
            install_hooks(repository)
        is_head_moved = not self.request.rewrite or current_branch(self.git) in moved
        changes = tree_changes(self.git, head.tree, new_tree) if head and is_head_moved else []
        all_blobs = {**blobs, **dict(converted.values())}
        switch = TreeSwitch(repository, self.known_files, self.history.objects, self.converter, all_blobs)
        reason = f"git theta migrate: to {self.request.target}"
        switch.run(changes, lambda: move_refs(self.git, moved, reason) if moved else None)
        return switch.written
