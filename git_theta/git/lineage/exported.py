"""`git theta lineage export`: the lineage of a commit, with every statement checked that bytes can show."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from git_theta.errors import CorruptError, ThetaError
from git_theta.git.history.revisions import resolve_commit
from git_theta.git.lineage.hashed_files import FileHasher, hashed_bytes
from git_theta.git.lineage.parent_version import (
    UnknownVersionError,
    VersionFiles,
    parent_version,
    version_files,
)
from git_theta.git.lineage.read_graph import RecordFile, graph_of, records_of_models
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.lineage.verify import CheckedDerivation, verify
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.lineage.exports.lineage_document import (
    ExportedInput,
    ExportedModel,
    ExportedParent,
    HashedFile,
    LineageDocument,
    with_visible_names,
)
from git_theta.lineage.graph import Graph
from git_theta.lineage.model_digest import model_digest
from git_theta.lineage.record import BLOB, RecordedRun, RecordError
from git_theta.lineage.sources.model_card import CARD, MAX_CARD
from git_theta.runtime.output import without_passwords

#: Bytes of an input that are read for its SHA-256, at most.
_MAX_INPUT = 1 << 30


#: The reason why nothing of a derivation is said to be checked.
_UNREAD = "the files weren't read"

_OBJECT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)


class ContradictedError(ThetaError):
    """Statements of a lineage that the bytes contradict: no document is written of them."""


def lineage_document(
    tree: LineageTree, chosen: Collection[str] = (), url: str = "", *, reads_files: bool = True
) -> LineageDocument:
    """The lineage of models and of their ancestors, checked.

    Objects that are missing are fetched. Names are as `with_visible_names` makes them.

    Args:
        tree: A commit.
        chosen: Paths of models; all models if there are none.
        url: The address of the repository, as it should be in the document.
        reads_files: Whether files are rebuilt and hashed; else, nothing of them is said to be checked.

    Raises:
        ContradictedError: The bytes contradict a derivation.
        CorruptError: Stored bytes aren't what they should be.
        LineageError: Models are derived from each other in a circle.
        RecordError: A record isn't valid.
        UsageError: There's no such commit, or names can't be told apart.
    """
    git = tree.repository.git
    commit = resolve_commit(git, tree.rev or "HEAD")
    date = datetime.fromtimestamp(int(git.line("show", "-s", "--format=%ct", commit)), UTC)
    graph = graph_of(tree)
    subjects = frozenset(chosen or tree.models)
    wanted = {*subjects, *(name for subject in subjects for name in graph.ancestors(subject))}
    graph = graph.restricted(wanted)
    order = graph.topological()
    checked = _checked(tree, wanted)
    records = records_of_models(tree)
    for name in order:
        if name in records and records[name].record is None:
            raise RecordError(records[name].problem, "mend the record: git theta lineage edit")
    with Blobs(git.cwd) as blobs:
        hasher = FileHasher(tree.repository) if reads_files else None
        exporter = _Exporter(tree, graph, records, hasher, blobs)
        models = tuple(exporter.model(name, checked) for name in order)
    return with_visible_names(LineageDocument(commit, date, models, subjects, without_passwords(url)))


def _checked(tree: LineageTree, names: Collection[str]) -> Mapping[str, list[CheckedDerivation]]:
    """Child → its derivations, none of which the bytes contradict."""
    found: dict[str, list[CheckedDerivation]] = {}
    for edge in verify(tree, names).edges:
        link = edge.derivation
        if edge.problems:
            raise ContradictedError(
                f"{link.child} isn't a {link.relation} of {link.parent} as it's said: {edge.problems[0]}",
                "git theta lineage verify lists such problems; git theta lineage edit changes the record",
            )
        found.setdefault(link.child, []).append(edge)
    return found


class _Exporter:
    """Gathers what is stated about models.

    Args:
        tree: The commit.
        graph: Its lineage.
        records: Path of a model → its record.
        hasher: Rebuilds and hashes files; `None` to read none.
        blobs: Reads blobs.
    """

    def __init__(
        self,
        tree: LineageTree,
        graph: Graph,
        records: Mapping[str, RecordFile],
        hasher: FileHasher | None,
        blobs: Blobs,
    ) -> None:
        self._tree = tree
        self._graph = graph
        self._records = records
        self._hasher = hasher
        self._blobs = blobs

    def model(self, name: str, checked: Mapping[str, list[CheckedDerivation]]) -> ExportedModel:
        """A model with all that is stated about it.

        Args:
            name: Its path, or its URI if it isn't in the repository.
            checked: Child → its derivations, checked.
        """
        node = self._graph.models[name]
        parents = tuple(map(self._parent, checked.get(name, ())))
        if name not in self._tree.models:
            return ExportedModel(node, parents=parents, remarks=node.problems)
        run = self._run(name, node.model)
        return ExportedModel(
            node,
            self._files(version_files(self._tree, name), node.model),
            parents,
            run,
            tuple(self._input(path, blob) for path, blob in sorted(run.inputs.items())) if run else (),
            self._card(name),
            node.problems,
        )

    def _parent(self, checked: CheckedDerivation) -> ExportedParent:
        edge = checked.derivation
        if self._hasher is None:
            return ExportedParent(edge, (), (*checked.unknown, _UNREAD))
        try:
            then = parent_version(self._tree, self._graph, edge)
        except UnknownVersionError:
            return ExportedParent(edge, (), checked.unknown)
        return ExportedParent(edge, self._files(then, edge.parent_model), checked.unknown)

    def _files(self, version: VersionFiles, digest: str) -> tuple[HashedFile, ...]:
        """The files of a version, rebuilt and hashed; none if nothing is to be read.

        Raises:
            CorruptError: The version's digest is another one, or stored bytes aren't what they should be.
        """
        if self._hasher is None:
            return ()
        found = model_digest(entry for manifest in version.manifests for entry in manifest.entries)
        if digest not in ("", found):
            raise CorruptError(
                f"the digest of {version.parts.name} is {found}, not {digest}",
                "delete .git/theta/lineage-2.sqlite",
            )
        pairs = zip(version.parts.files, version.manifests, strict=True)
        files = tuple(self._hasher.hashed(path, manifest) for path, manifest in pairs)
        return (*files, hashed_bytes(version.parts.index, version.index)) if version.index else files

    def _run(self, name: str, digest: str) -> RecordedRun | None:
        """The command that made a model, if the record describes this version of it."""
        file = self._records.get(name)
        record = file.record if file else None
        return record.run if record and record.model == digest else None

    def _input(self, path: str, recorded: str) -> ExportedInput:
        """An input of a command, as it was when the command ran."""
        blob = recorded.removeprefix(BLOB) if recorded.startswith(BLOB) else ""
        data = self._blobs.read(blob, _MAX_INPUT) if _OBJECT_ID.fullmatch(blob) and self._hasher else None
        return ExportedInput(path, blob, "" if data is None else hashlib.sha256(data).hexdigest())

    def _card(self, name: str) -> HashedFile | None:
        """The model card in the folder of a model, if the folder has no other model."""
        folder = name.rpartition("/")[0]
        if sum(other.rpartition("/")[0] == folder for other in self._tree.models) > 1:
            return None
        path = f"{folder}/{CARD}" if folder else CARD
        data = self._tree.read(path, MAX_CARD) if path in self._tree.files else None
        return None if data is None else hashed_bytes(path, data)
