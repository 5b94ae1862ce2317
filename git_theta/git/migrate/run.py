"""A migration from its beginning to its end."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from git_theta.errors import UsageError
from git_theta.git.install.hooks import hooks_installed
from git_theta.git.install.install import install_hooks
from git_theta.git.migrate import rewritten_refs as refs
from git_theta.git.migrate.attributes import Target
from git_theta.git.migrate.commit_history import Commit, History, read_history
from git_theta.git.migrate.convert import Converter
from git_theta.git.migrate.file_blob import Stored, Tally, read_stored
from git_theta.git.migrate.git_objects import Objects
from git_theta.git.migrate.lfs_objects import absent_objects, from_servers, from_work_tree, lfs_store
from git_theta.git.migrate.lfs_patterns import checkpoint_patterns
from git_theta.git.migrate.pack_writer import Pack
from git_theta.git.migrate.plan import Plan, make_plan
from git_theta.git.migrate.rewrite import Rewriter
from git_theta.git.migrate.selection import Goal, Selection
from git_theta.git.migrate.work_tree import Switch, changes, refuse_changes, refuse_untracked
from git_theta.git.plumbing.command import Git
from git_theta.git.remote.fetch import ensure_objects
from git_theta.git.worktree.workspace import Workspace
from git_theta.model.manifest import Manifest
from git_theta.report.text import human_size, plural, printable
from git_theta.runtime.progress import progress

#: Hosts refuse larger files in Git itself.
_LARGEST = 100 << 20

_INSTALL = {"theta": "git theta install", "lfs": "git lfs install"}


@dataclass(frozen=True, slots=True)
class Request:
    """What the user wants.

    Attributes:
        target: How files are to be stored.
        include: Patterns of files; what is in question by its attributes if there are none.
        rewrite: Whether history is rewritten, and not only the next commit prepared.
        names: Branches and tags to rewrite; the current branch if there are none.
        everything: Whether all of them are rewritten.
        force: Whether plain files may be larger than hosts take.
    """

    target: Target
    include: tuple[str, ...] = ()
    rewrite: bool = False
    names: tuple[str, ...] = ()
    everything: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class Summary:
    """What was done.

    Attributes:
        files: Paths with a version that was converted.
        versions: Blobs that were converted.
        size: Bytes of their files.
        before: Bytes that they cost, with all that they need.
        after: The same now.
        commits: Commits that were rewritten.
        refs: Refs that were moved.
        left: Branches and tags that still have commits that were rewritten.
        signatures: Signatures that were dropped.
        written: Files of the work tree that were only pointers, and have their content now.
        others: Patterns of git-lfs that no checkpoint matches, and that stay.
    """

    files: int = 0
    versions: int = 0
    size: int = 0
    before: int = 0
    after: int = 0
    commits: int = 0
    refs: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    signatures: int = 0
    written: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def migrate(workspace: Workspace, request: Request) -> Summary:
    """Convert files in what will be the next commit, or in history.

    Until the very end, nothing is changed that anyone could see.

    Args:
        workspace: The repository's parts; the current folder is the top of the work tree.
        request: What to do.

    Raises:
        UsageError: It can't be done now, or not so.
        MissingObjectError: The content of a file can't be had.
        ThetaError: Something is damaged, or can't be written.
    """
    repository = workspace.repository
    # What replaces an object is for looking at history, not for rewriting it.
    git = Git(repository.git.cwd, {**os.environ, "GIT_NO_REPLACE_OBJECTS": "1"})
    _refuse_without_filter(git, request.target)
    refs.refuse_busy(repository)
    if not git.ok("rev-parse", "-q", "--verify", "HEAD"):
        raise UsageError("there are no commits yet", "use `git theta track`, and add your files")
    chosen = refs.chosen_refs(git, request.names, everything=request.everything) if request.rewrite else {}
    if request.rewrite:
        refs.refuse_unsafe(repository, chosen)
        refs.refuse_kept(git, chosen)
    tmp = repository.store.tmp
    tmp.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=tmp, prefix="migrate-")))
        objects = stack.enter_context(Objects(git.cwd, git.env))
        refuse_changes(git, objects)
        tips = list(chosen.values()) if request.rewrite else [git.line("rev-parse", "HEAD")]
        history = read_history(git, objects, tips, ancestors=request.rewrite)
        return _Migration(workspace, git, request, history, folder, stack).run(chosen)


def _refuse_without_filter(git: Git, target: Target) -> None:
    if target != "plain" and not (
        git.config(f"filter.{target}.process") or git.config(f"filter.{target}.clean")
    ):
        raise UsageError(f"Git isn't set up for filter={target}", f"run `{_INSTALL[target]}` first")


class _Migration:
    def __init__(
        self,
        workspace: Workspace,
        git: Git,
        request: Request,
        history: History,
        folder: Path,
        stack: ExitStack,
    ) -> None:
        self.workspace = workspace
        self.repository = workspace.repository
        self.git = git
        self.request = request
        self.history = history
        self.objects = history.objects
        self.folder = folder
        self.lfs = lfs_store(workspace.repository)
        file = stack.enter_context((folder / "pack").open("w+b"))
        self.pack = Pack(file, git.line("rev-parse", "--show-object-format"))
        self.converter = stack.enter_context(closing(Converter(workspace, self.objects, self.lfs, self.pack)))
        self.stack = stack
        self.absent: dict[str, int | None] = {}
        self.after = Tally(workspace.repository.store)

    def run(self, chosen: Mapping[str, str]) -> Summary:
        goal, others = self._goal()
        selection = self.stack.enter_context(closing(Selection(self.git, self.objects, goal, self.folder)))
        plan = make_plan(self.history, selection)
        tally = Tally(self.repository.store)
        stored = self._concerned(plan, tally)
        if not stored:
            return Summary(others=others)
        head = self._head(chosen)
        if head:
            files = dict(self.history.attribute_files(head.tree))
            new = plan.states[head.oid].edits.keys() - files.keys()
            refuse_untracked(f"{folder}/.gitattributes" if folder else ".gitattributes" for folder in new)
        self._check_sizes(plan, stored)
        self._fetch(plan, stored)
        made = self._convert(plan, stored)
        rewriter = Rewriter(self.history, self.pack, {old: new for old, (new, _) in made.items()})
        moved = self._rewrite(plan, rewriter, chosen)
        new_tree = rewriter.tree(head.tree, plan.states[head.oid]) if head else ""
        self.pack.install(self.git)
        written = self._switch(head, new_tree, stored, made, moved)
        return Summary(
            files=len({path for oid in stored for path in plan.paths[oid]}),
            versions=len(stored),
            size=sum(new.size or 0 for _, new in made.values()),
            before=tally.bytes,
            after=self.after.bytes,
            commits=len(rewriter.commits),
            refs=tuple(moved),
            left=tuple(refs.left_behind(self.git, rewriter.commits, moved)),
            signatures=rewriter.signatures,
            written=tuple(written),
            others=others,
        )

    def _goal(self) -> tuple[Goal, tuple[str, ...]]:
        """What to do, and the patterns of git-lfs that stay."""
        request = self.request
        if request.target != "theta" or request.include:
            return Goal(request.target, request.include), ()
        chosen, others = checkpoint_patterns(self.git, self.history, self.lfs, self.folder)
        return Goal("theta", chosen=chosen), tuple(sorted(others))

    def _concerned(self, plan: Plan, tally: Tally) -> dict[str, Stored]:
        """The blobs that aren't as they should be, in the order of the plan."""
        found, store = {}, self.repository.store
        outwards = self.request.target != "theta"
        for version in plan.versions:
            stored = read_stored(self.objects, version.oid, version.path, manifests=outwards)
            if not stored.is_as(self.request.target):
                tally.add(version.oid, stored)
                objects = stored.manifest.objects() if stored.manifest else {}
                self.absent.update((oid, size) for oid, size in objects.items() if not store.has(oid))
                found[version.oid] = stored.lean()
        return found

    def _head(self, chosen: Collection[str]) -> Commit | None:
        """What the work tree has, if that's to change."""
        if self.request.rewrite and refs.current(self.git) not in chosen:
            return None
        oid = self.git.line("rev-parse", "HEAD")
        return next((commit for commit in self.history.commits if commit.oid == oid), None)

    def _check_sizes(self, plan: Plan, stored: Mapping[str, Stored]) -> None:
        if self.request.target != "plain" or self.request.force:
            return
        paths = {v.oid: v.path for v in plan.versions}
        large = {
            os.fsdecode(paths[oid]): s.size or 0 for oid, s in stored.items() if (s.size or 0) > _LARGEST
        }
        if large:
            path, size = max(large.items(), key=lambda item: item[1])
            raise UsageError(
                f"{plural(len(large), 'file')} above 100 MB, for example {printable(path)} with "
                f"{human_size(size)}: Git hosts refuse those",
                "export them with --to lfs; or use --force, for hosts that take them",
            )

    def _fetch(self, plan: Plan, stored: Mapping[str, Stored]) -> None:
        """Get whatever isn't here, for all files at once."""
        lfs = {oid: size for each in stored.values() for oid, size in each.lfs.items()}
        paths = {each.pointer.oid: plan.paths[oid] for oid, each in stored.items() if each.pointer}
        absent_objects(self.lfs, lfs, [from_work_tree(paths), from_servers(self.workspace.repository)])
        if self.absent:
            ensure_objects(self.repository, self.absent)

    def _convert(self, plan: Plan, stored: Mapping[str, Stored]) -> dict[str, tuple[str, Stored]]:
        made: dict[str, tuple[str, Stored]] = {}
        total = sum(each.size or sum(each.lfs.values()) for each in stored.values())
        with progress(f"converting {plural(len(stored), 'version')}", total) as advance:
            for version in plan.versions:
                if version.oid in stored:
                    target, path = self.request.target, os.fsdecode(version.path)
                    previous = self._previous(version.before, made) if target == "theta" else []
                    oid, new = self.converter.convert(
                        version.oid, stored[version.oid], target, path, previous, advance
                    )
                    self.after.add(oid, new)
                    made[version.oid] = oid, new.lean()
        return made

    def _previous(self, before: str, made: Mapping[str, tuple[str, Stored]]) -> list[Manifest]:
        """The version that the first parent has."""
        oid = made[before][0] if before in made else before
        found = self.converter.known_manifest(oid) if oid else None
        return [found] if found else []

    def _rewrite(
        self, plan: Plan, rewriter: Rewriter, chosen: Mapping[str, str]
    ) -> dict[str, tuple[str, str]]:
        """Make new commits; returns the refs that move, with old and new id."""
        if not self.request.rewrite:
            return {}
        for commit in self.history.commits:
            rewriter.commit(commit, plan.states[commit.oid])
        moved = {ref: (oid, rewriter.ref(oid)) for ref, oid in chosen.items()}
        return {ref: (old, new) for ref, (old, new) in moved.items() if old != new}

    def _switch(
        self,
        head: Commit | None,
        new_tree: str,
        stored: Mapping[str, Stored],
        made: Mapping[str, tuple[str, Stored]],
        moved: Mapping[str, tuple[str, str]],
    ) -> Sequence[str]:
        """The step that can be seen; returns the files that have their content now."""
        repository = self.repository
        wants_hooks = self.request.target == "theta" and repository.settings.hooks
        # Git mayn't have called the filter here yet, and a push needs a hook.
        if wants_hooks and not hooks_installed(repository.hooks_dir):
            install_hooks(repository)
        reason = f"git theta migrate: to {self.request.target}"
        here = self._checked_out(head, moved)
        wanted = changes(self.git, here.tree, new_tree) if here else []
        switch = Switch(
            repository,
            self.workspace.known_files,
            self.objects,
            self.converter,
            {**stored, **dict(made.values())},
        )
        switch.go(wanted, lambda: refs.move(self.git, moved, reason) if moved else None)
        return switch.written

    def _checked_out(self, head: Commit | None, moved: Mapping[str, tuple[str, str]]) -> Commit | None:
        """The commit whose files change in the work tree."""
        return head if not self.request.rewrite or refs.current(self.git) in moved else None
