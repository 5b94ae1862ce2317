"""Side-load updates into a tracked file: the result goes to the work tree and to the index."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from git_theta.checkpoint_file import fingerprint, read_checkpoint
from git_theta.encoding.selection import dense_choice
from git_theta.errors import GitError, ThetaError, UsageError
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.check_attr import attribute_values
from git_theta.git.plumbing.work_file import WorkFile, work_file
from git_theta.git.remote.fetch import ensure_objects, needed_objects
from git_theta.git.worktree.stage import index_line, stage, write_and_stage
from git_theta.git.worktree.workspace import Workspace
from git_theta.model.manifest import MAX_TEXT_BYTES, Entry, Manifest, Source, is_manifest, parse_if_manifest
from git_theta.model.sizes import payload_bytes
from git_theta.runtime.progress import progress
from git_theta.sideload.draft import Draft, apply, check, quantize, store_all
from git_theta.sideload.given import Given, Ia3Given, LowRankGiven
from git_theta.sideload.peft import is_adapter, read_adapter
from git_theta.sideload.update_data import read_given
from git_theta.smudge import Smudger
from git_theta.updates.base import UnsuitableError
from git_theta.updates.quantized import step_of


@dataclass(frozen=True, slots=True)
class Outcome:
    """What side-loading did.

    Attributes:
        changed: Number of parameters that changed.
        size: Their bytes.
        stored: Bytes of the payloads that are new.
        written: Whether the file in the work tree was replaced.
    """

    changed: int
    size: int
    stored: int
    written: bool


@dataclass(frozen=True, slots=True)
class _Version:
    """The version that updates apply to."""

    manifest: Manifest
    mode: str
    oid: str


def sideload(workspace: Workspace, path: str, kind: str, data: Path) -> Outcome:
    """Store the updates that a user gives.

    Where the work tree has the previous version, it gets the result. Where it has another, that is what
    is stored, exactly: parameters that the updates are for as those, with what is lacking.

    Args:
        workspace: The repository's parts; the current folder is the top of the work tree.
        path: The checkpoint, from there.
        kind: One of `given.KINDS`.
        data: A checkpoint file or an adapter's folder.

    Raises:
        ThetaError: Something doesn't fit. Nothing is staged then, and the work tree is as it was.
    """
    before = _previous(workspace, path)
    specs = {entry.name: entry.spec for entry in before.manifest.entries}
    if data.is_dir() and not is_adapter(data):
        raise UsageError(f"{data} is a folder without adapter_config.json", "give a file, or PEFT's folder")
    given = (read_adapter if data.is_dir() else read_given)(data, kind, specs)
    for name, steps in given.items():
        for step in steps:
            check(step, name, specs[name])
    old = before.manifest.by_name
    ensure_objects(
        workspace.repository, needed_objects([before.manifest.layout, *(old[name] for name in given)])
    )
    with work_file(path) as file:
        now = _content(workspace, path, file, before.manifest)
        if now == before.manifest:
            return _predict(workspace, path, before, given, file)
        assert file is not None  # noqa: S101
        return _exact(workspace, path, before, now, given, file)


def requantize(workspace: Workspace, path: str, epsilon: float) -> Outcome:
    """Store the file in the work tree as whole steps from its previous version, and write what comes out.

    Args:
        workspace: The repository's parts; the current folder is the top of the work tree.
        path: The checkpoint, from there.
        epsilon: The error bound, relative; see `quantized.step_of`.

    Raises:
        ThetaError: As for `sideload`.
    """
    before = _previous(workspace, path)
    with work_file(path) as file:
        now = _content(workspace, path, file, before.manifest)
        if now == before.manifest or file is None:
            return Outcome(0, 0, 0, written=False)
        old = before.manifest.by_name

        def make(name: str, value: memoryview) -> Draft | None:
            if name not in old or old[name].spec != now.by_name[name].spec:
                return None
            try:
                return quantize(old[name], value, step_of(epsilon), workspace.repository.store)
            except UnsuitableError:
                return None

        wanted = [e.name for e in now.entries if e.name not in old or old[e.name].digest != e.digest]
        ensure_objects(workspace.repository, needed_objects(old[name] for name in wanted if name in old))
        moved = _made(workspace, file, wanted, make)
        stands = {now.by_name[name].digest: entry for name, entry in moved.items()}
        cleaned = _clean(workspace, path, file, before.manifest, stands)
        manifest = replace(cleaned, entries=tuple(_settled(entry, stands) for entry in cleaned.entries))
        return _write(workspace, path, before, manifest, file)


def _settled(entry: Entry, stands: Mapping[str, Entry]) -> Entry:
    """An entry with the digest that its source gives."""
    stand = stands.get(entry.digest)
    return replace(entry, digest=stand.digest) if stand and stand.source == entry.source else entry


def _previous(workspace: Workspace, path: str) -> _Version:
    """The version in the index, or else in HEAD."""
    git = workspace.repository.git
    if attribute_values(git, "filter", [path]).get(path) != "theta":
        raise UsageError(f"{path} isn't tracked by git-theta", f"git theta track {shlex.quote(path)}")
    listing = git.run("ls-files", "-s", "-z", "--", f":(top,literal){path}")
    if not listing and git.ok("rev-parse", "-q", "--verify", "HEAD"):
        listing = git.run("ls-tree", "-z", "HEAD", "--", path)
    # "MODE OID STAGE\tPATH" in the index, "MODE blob OID\tPATH" in a tree.
    records = [record.partition(b"\t") for record in listing.split(b"\0") if record]
    if len(records) > 1 or (records and records[0][0].split()[2] in (b"1", b"2", b"3")):
        raise GitError(f"{path} is in conflict", "finish the merge first")
    first = f"add it first: git add -- {shlex.quote(path)}"
    if not records or os.fsdecode(records[0][2]) != path or not records[0][0].startswith(b"100"):
        raise UsageError(f"{path} has no previous version that an update could apply to", first)
    mode, *ids = (word.decode() for word in records[0][0].split())
    oid = max(ids, key=len)
    with Blobs(git.cwd) as blobs:
        blob = blobs.read(oid, MAX_TEXT_BYTES)
    manifest = None if blob is None else parse_if_manifest(blob)
    if manifest is None:
        raise UsageError(f"{path} has no previous version that git-theta stored", first)
    return _Version(manifest, mode, oid)


def _content(workspace: Workspace, path: str, file: WorkFile | None, before: Manifest) -> Manifest:
    """What the work tree has; exactly `before` if it's the same."""
    if file is None:
        raise UsageError(
            f"{path} isn't a file in the work tree", f"get it back: git checkout -- {shlex.quote(path)}"
        )
    if is_manifest(file.data):
        if bytes(file.data) == before.to_bytes():
            return before
        raise UsageError(f"{path} holds a manifest", "write the file first: git theta checkout")
    now = workspace.known_files.manifest(file) or fingerprint(
        file.data, workspace.repository.settings.thread_count, workspace.repository.store.temporary_file
    )
    same = (now.size, _values(now)) == (before.size, _values(before))
    return before if same else now


def _values(manifest: Manifest) -> list[tuple[object, ...]]:
    return [(entry.name, entry.spec, entry.digest) for entry in manifest.all_entries()]


def _predict(
    workspace: Workspace,
    path: str,
    before: _Version,
    given: Mapping[str, Sequence[Given]],
    file: WorkFile | None,
) -> Outcome:
    """Let the updates make the new version."""
    store = workspace.repository.store
    old = before.manifest.by_name
    threads = workspace.repository.settings.thread_count
    made = store_all(lambda name: apply(old[name], given[name], store), given, store, threads)
    made = {name: entry for name, entry in made.items() if entry.digest != old[name].digest}
    made.update(_tied(workspace, before.manifest, made))
    entries = tuple(made.get(entry.name, entry) for entry in before.manifest.entries)
    return _write(workspace, path, before, replace(before.manifest, entries=entries), file)


def _tied(workspace: Workspace, manifest: Manifest, made: Mapping[str, Entry]) -> dict[str, Entry]:
    """Parameters that are the same bytes of the file as ones that changed, and aren't given themselves."""
    layout = Smudger(workspace.repository.store).layout(manifest)
    places = {p.name: (p.offset, p.strides, p.big_endian) for p in layout.placements}
    changed = {(places.get(name), entry.spec): entry for name, entry in made.items()}
    found = {}
    for entry in manifest.entries:
        twin = changed.get((places.get(entry.name), entry.spec))
        if twin and entry.name not in made and entry.spec.count:
            found[entry.name] = replace(twin, name=entry.name, extra=entry.extra)
    return found


def _exact(
    workspace: Workspace,
    path: str,
    before: _Version,
    now: Manifest,
    given: Mapping[str, Sequence[Given]],
    file: WorkFile,
) -> Outcome:
    """Let the updates say how the new version, which is there, came about."""
    store = workspace.repository.store
    old = before.manifest.by_name

    def make(name: str, value: memoryview) -> Draft | None:
        if (
            not isinstance(given[name][-1], LowRankGiven | Ia3Given)
            or now.by_name[name].spec != old[name].spec
        ):
            return None
        found = apply(old[name], given[name], store, value)
        return found if _pays(found, value) else None

    made = _made(workspace, file, given, make)
    manifest = _clean(
        workspace, path, file, before.manifest, {entry.digest: entry for entry in made.values()}
    )
    _check_unchanged(path, file)
    stage(workspace.repository, workspace.known_files, path, before.mode, manifest, file.status)
    return _outcome(workspace, before.manifest, manifest, written=False)


def _pays(found: Draft, value: memoryview) -> bool:
    """Whether a draft costs less than the whole value: it may have nothing to do with the change."""
    if found.payload is None or 2 * len(found.payload) < len(value):
        return found.payload is not None
    return len(found.payload) < sum(map(len, dense_choice(value, found.entry.spec).payload()))


def _made(
    workspace: Workspace,
    file: WorkFile,
    names: Sequence[str] | Mapping[str, object],
    make: Callable[[str, memoryview], Draft | None],
) -> dict[str, Entry]:
    """Drafts for some values of a file, stored."""
    store, threads = workspace.repository.store, workspace.repository.settings.thread_count
    with ThreadPoolExecutor(threads) as pool:
        checkpoint = read_checkpoint(file.data, store.temporary_file, pool)

    def one(name: str) -> Draft | None:
        return make(name, checkpoint.value(name))

    return store_all(one, [name for name in names if name in checkpoint.tensors], store, threads)


def _clean(
    workspace: Workspace, path: str, file: WorkFile, before: Manifest, stands: Mapping[str, Entry]
) -> Manifest:
    """Store a file as `git add` does, but for the values that there are sources for."""
    with progress(f"adding {path}", len(file.data)) as advance:
        cleaner = workspace.cleaners.cleaner(path, advance)

        def known(digest: str) -> Source | None:
            return stands[digest].source if digest in stands else cleaner.known(digest)

        return replace(cleaner, known=known).clean(file.data, [before]).manifest


def _write(
    workspace: Workspace, path: str, before: _Version, manifest: Manifest, file: WorkFile | None
) -> Outcome:
    if manifest != before.manifest or file is None or is_manifest(file.data):
        with progress(f"writing {path}", manifest.size) as advance:
            write_and_stage(
                workspace.repository,
                workspace.known_files,
                path,
                before.mode,
                manifest,
                index_line(path, before.mode, before.oid),
                partial(_check_unchanged, path, file),
                advance,
            )
    return _outcome(workspace, before.manifest, manifest, written=manifest != before.manifest)


def _check_unchanged(path: str, file: WorkFile | None) -> None:
    with work_file(path) as there:
        same = file and there and file.unchanged() and there.status.st_ino == file.status.st_ino
    if not same:
        raise ThetaError(f"{path} was written to meanwhile", "try again when it's quiet")


def _outcome(workspace: Workspace, before: Manifest, after: Manifest, written: bool) -> Outcome:
    old = before.by_name
    changed = [e for e in after.entries if e.name not in old or old[e.name].digest != e.digest]
    known = {ref for entry in before.all_entries() for ref in entry.source.payloads()}
    new = {ref for entry in after.all_entries() for ref in entry.source.payloads()} - known
    stored = payload_bytes(new, workspace.repository.store.size)
    return Outcome(len(changed), sum(entry.spec.nbytes for entry in changed), stored, written)
