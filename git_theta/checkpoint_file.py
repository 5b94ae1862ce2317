"""A checkpoint file taken apart: its format, its layout, and the bytes of each tensor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace

from git_theta import formats
from git_theta.encoding.decode import read_layout
from git_theta.errors import PluginError, ThetaError
from git_theta.formats.base import Located, Tensor
from git_theta.formats.neighbours import Neighbours
from git_theta.formats.split import OPAQUE, Split, assemble, split, split_like
from git_theta.model.digest import digest
from git_theta.model.layout import Layout
from git_theta.model.manifest import Entry, Manifest, Source
from git_theta.model.name_escapes import sort_key
from git_theta.model.strided import Temporary, gather, temporary_file
from git_theta.model.tensor import TensorSpec
from git_theta.runtime.threads import run_grouped
from git_theta.store.base import Store

#: Stands where a manifest has a source.
NOT_STORED = Source("none", None)


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """A checkpoint file. Its bytes stay where they are: a map of a file must be kept until the last use.

    Attributes:
        data: The file's bytes.
        format: Name of the format, `opaque` if none fits.
        layout: The file minus its tensors.
        tensors: Tensors by name, in the order of the layout's placements.
        note: Why a file is kept opaque that looks like a known format, or may be of one that can't be used;
            else empty.
        temporary: Makes the temporary files of large tensors that aren't contiguous.
        told: Whether a file beside it describes it; `None` if none ever does.
    """

    data: memoryview
    format: str
    layout: Layout
    tensors: Mapping[str, Tensor]
    note: str
    temporary: Temporary
    told: bool | None = None

    @property
    def opaque(self) -> bool:
        """Whether no format fits the file."""
        return self.format == OPAQUE

    def value(self, name: str) -> memoryview:
        """The logical bytes of a tensor, C-contiguous and little-endian; a view of the file if they lie so.

        Raises:
            KeyError: The file has no tensor of that name.
        """
        t = self.tensors[name]
        return gather(self.data, t.spec, t.offset, t.strides, t.big_endian, self.temporary)


def read_checkpoint(
    data: memoryview,
    temporary: Temporary = temporary_file,
    pool: Executor | None = None,
    neighbours: Neighbours | None = None,
) -> CheckpointFile:
    """Take the bytes of a file apart; any file can be.

    Args:
        data: The file's bytes, usually a memory map: little of them is read, and nothing is copied.
        temporary: Makes a descriptor of an unlinked temporary file.
        pool: Threads for the checksums that some formats have; if `None`, these are computed in turn.
        neighbours: The files beside it, which may say what is in it; `None` if they aren't known.
    """
    plugins = formats.registry()
    found = split(data, plugins, pool, neighbours)
    tensors = {tensor.name: tensor for tensor in found.tensors}
    note = found.note
    if found.format == OPAQUE and not note and plugins.failures():
        # One of these may be the file's format.
        note = f"kept as an opaque file: {'; '.join(error.message for error in plugins.failures())}"
    return CheckpointFile(data, found.format, found.layout, tensors, note, temporary, found.told)


def as_before(file: CheckpointFile, earlier: Iterable[Manifest], store: Store) -> CheckpointFile:
    """A file taken apart as an earlier version of it was.

    A file that hasn't changed must give its old manifest, or `git status` would show a change. An opaque file
    is taken apart as the earlier version if only values of tensors differ: the format's plugin may be missing
    or broken now. A file that was opaque, when its format wasn't known, stays so until it changes.

    Args:
        file: Any file.
        earlier: Manifests of earlier versions.
        store: Where their layouts are.
    """
    earlier = list(earlier)
    if not file.opaque:
        file = _opaque_as_before(file, earlier)
        return file if file.opaque or file.told is None else _told_as_before(file, earlier, store)
    unavailable = ""
    for manifest in earlier:
        if manifest.format == OPAQUE:
            continue
        found = _split_like(file.data, manifest, store)
        if found:
            tensors = {tensor.name: tensor for tensor in found.tensors}
            return replace(file, format=found.format, layout=found.layout, tensors=tensors, note="")
        unavailable = unavailable or _unavailable(manifest.format)
    return replace(file, note=unavailable) if unavailable and not file.note else file


def _told_as_before(file: CheckpointFile, earlier: Iterable[Manifest], store: Store) -> CheckpointFile:
    """The file with the names that it had, if its neighbours say nothing now, or if it's unchanged."""
    types = {name: tensor.spec for name, tensor in file.tensors.items()}
    for manifest in earlier:
        if manifest.format == OPAQUE or types == {entry.name: entry.spec for entry in manifest.entries}:
            continue
        found = _split_like(file.data, manifest, store)
        if found is None:
            continue
        tensors = {tensor.name: tensor for tensor in found.tensors}
        before = replace(file, format=found.format, layout=found.layout, tensors=tensors)
        if file.told is False or all(
            digest(before.value(entry.name)) == entry.digest for entry in manifest.entries
        ):
            return before
    return file


def _opaque_as_before(file: CheckpointFile, earlier: Iterable[Manifest]) -> CheckpointFile:
    """The file as one stretch of bytes, if that is what an earlier version was, and it's unchanged."""
    for manifest in earlier:
        if manifest.format == OPAQUE and manifest.size == len(file.data):
            found = assemble(OPAQUE, file.data, Located(()))
            layout = digest(found.layout.to_bytes())
            before = {entry.name: entry.digest for entry in manifest.entries}
            if layout == manifest.layout.digest and all(
                before.get(tensor.name) == digest(file.data) for tensor in found.tensors
            ):
                tensors = {tensor.name: tensor for tensor in found.tensors}
                return replace(file, format=OPAQUE, layout=found.layout, tensors=tensors)
    return file


def _split_like(data: memoryview, manifest: Manifest, store: Store) -> Split | None:
    if manifest.size != len(data):
        return None
    try:
        layout = read_layout(manifest, store)
        return split_like(data, manifest.format, layout, {each.name: each.spec for each in manifest.entries})
    except (ThetaError, OSError, ValueError, OverflowError):
        # The layout's object isn't here, or the manifest isn't genuine.
        return None


def _unavailable(name: str) -> str:
    """Why a format can't be used; empty if it can."""
    try:
        formats.registry().get(name)
    except PluginError as error:
        return f"kept as an opaque file: {error.one_line}"
    return ""


def fingerprint(
    data: memoryview,
    threads: int,
    temporary: Temporary,
    earlier: Sequence[Manifest] = (),
    store: Store | None = None,
    neighbours: Neighbours | None = None,
) -> Manifest:
    """The manifest that a file would have, without the sources of its values: nothing is stored.

    Args:
        data: The file's bytes.
        threads: How many tensors to hash at once.
        temporary: As for `read_checkpoint`.
        earlier: Manifests of earlier versions; see `as_before`.
        store: Where their layouts are.
        neighbours: As for `read_checkpoint`.
    """
    with ThreadPoolExecutor(threads) as pool:
        file = read_checkpoint(data, temporary, pool, neighbours)
        if store:
            file = as_before(file, earlier, store)
        return identified(file, pool)


def identified(file: CheckpointFile, pool: ThreadPoolExecutor) -> Manifest:
    """The manifest of a file taken apart, without the sources of its values.

    Args:
        file: The file.
        pool: Threads that hash the tensors.
    """

    def identify(tensor: Tensor) -> Entry:
        return Entry(tensor.name, tensor.spec, digest(file.value(tensor.name)), NOT_STORED)

    largest_first = sorted(file.tensors.values(), key=lambda tensor: -tensor.spec.nbytes)
    entries = run_grouped(pool, identify, largest_first, lambda tensor: tensor.spec.nbytes)
    layout = file.layout.to_bytes()
    return Manifest(
        file.format,
        len(file.data),
        Entry("layout", TensorSpec("U8", (len(layout),)), digest(layout), NOT_STORED),
        tuple(sorted(entries, key=lambda entry: sort_key(entry.name))),
    )
