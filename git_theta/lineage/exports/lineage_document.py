"""A commit's lineage as documents of all formats state it, and which statements were checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from git_theta.errors import UsageError
from git_theta.lineage.checks import CHECKED_RELATIONS
from git_theta.lineage.graph import Derivation, ModelNode
from git_theta.lineage.record import RecordedRun
from git_theta.runtime.output import visible

#: The URI of the program that made a document, and the beginning of the URIs of what only it defines.
PRODUCER: Final = "https://github.com/r-three/git-theta"

#: Names of statements that a document lists as verified or as stated.
MODEL_DIGEST: Final = "model-digest"
FILE_DIGESTS: Final = "file-digests"
PARENT_DIGEST: Final = "parent-digest"
RELATION: Final = "relation"
PLAUSIBLE_RELATION: Final = "relation-plausible"
FROZEN: Final = "frozen-parameters"
WHY: Final = "why"


@dataclass(frozen=True, slots=True)
class HashedFile:
    """A file whose bytes were read.

    Attributes:
        path: Its path from the top of the repository.
        size: Its bytes.
        sha256: SHA-256 of the bytes, 64 hexadecimal digits.
        blake3: BLAKE3-256 of the bytes, 64 hexadecimal digits.
    """

    path: str
    size: int
    sha256: str
    blake3: str


@dataclass(frozen=True, slots=True)
class ExportedParent:
    """A derivation of a model from a parent.

    Attributes:
        derivation: The edge of the graph.
        files: Files of the parent's version that the model was made from; none if they weren't read.
        unknown: Sentences about what can't be checked; without any, the derivation was checked.
    """

    derivation: Derivation
    files: tuple[HashedFile, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def verified(self) -> tuple[str, ...]:
        """Names of statements that were checked against bytes."""
        edge = self.derivation
        if self.unknown:
            return ()
        found = {
            PARENT_DIGEST: bool(edge.parent_model),
            PLAUSIBLE_RELATION: edge.relation in CHECKED_RELATIONS,
            FROZEN: bool(edge.frozen),
        }
        return tuple(name for name, holds in found.items() if holds)

    @property
    def stated(self) -> tuple[str, ...]:
        """Names of statements that somebody made, and that bytes don't show.

        The relation is always among them: a plausible one may be another in truth.
        """
        edge, verified = self.derivation, self.verified
        found = {
            PARENT_DIGEST: bool(edge.parent_model) and PARENT_DIGEST not in verified,
            RELATION: True,
            FROZEN: bool(edge.frozen) and FROZEN not in verified,
            WHY: bool(edge.why),
        }
        return tuple(name for name, holds in found.items() if holds)


@dataclass(frozen=True, slots=True)
class ExportedInput:
    """A file that the command read that made a model.

    Attributes:
        path: Its path from the top of the repository.
        blob: The id of the blob that was recorded; empty if none was.
        sha256: SHA-256 of the blob's bytes; empty if the repository doesn't have the blob.
    """

    path: str
    blob: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """A model of the commit, or a parent elsewhere.

    Attributes:
        node: The model as the graph has it.
        files: Its files; none if they weren't read.
        parents: The derivations from its parents.
        run: The command that its record names; `None` if there's none, or if the record describes another
            version.
        inputs: The files that the command read.
        card: The model card beside it; `None` if there's none.
        remarks: Sentences about the model that readers should know.
    """

    node: ModelNode
    files: tuple[HashedFile, ...] = ()
    parents: tuple[ExportedParent, ...] = ()
    run: RecordedRun | None = None
    inputs: tuple[ExportedInput, ...] = ()
    card: HashedFile | None = None
    remarks: tuple[str, ...] = ()

    @property
    def verified(self) -> tuple[str, ...]:
        """Names of statements about the model alone that were checked against bytes."""
        return (MODEL_DIGEST, FILE_DIGESTS) if self.files else ()

    @property
    def stated(self) -> tuple[str, ...]:
        """Names of statements about the model alone that weren't checked."""
        return (MODEL_DIGEST,) if self.node.model and not self.files else ()


@dataclass(frozen=True, slots=True)
class ExportedRun:
    """A run of a command, with all models that it made.

    Attributes:
        run: The command and its circumstances, all of which are only stated.
        inputs: The files that it read.
        parents: The models that it began with.
        outputs: The models that it made.
    """

    run: RecordedRun
    inputs: tuple[ExportedInput, ...]
    parents: tuple[ExportedParent, ...]
    outputs: tuple[ExportedModel, ...]


@dataclass(frozen=True, slots=True)
class LineageDocument:
    """The lineage of some models of a commit.

    Attributes:
        commit: The commit's id.
        date: The committer's date in UTC, the only date of documents.
        models: The models and all their ancestors, each after its parents.
        chosen: Paths of the models that the document is about.
        url: The address of the repository, without a password; empty if the user gave none.
    """

    commit: str
    date: datetime
    models: tuple[ExportedModel, ...]
    chosen: frozenset[str]
    url: str = ""

    @property
    def subjects(self) -> tuple[ExportedModel, ...]:
        """The models that the document is about."""
        return tuple(model for model in self.models if model.node.path in self.chosen)

    @property
    def by_path(self) -> Mapping[str, ExportedModel]:
        """Path or URI → model."""
        return {model.node.path: model for model in self.models}

    @property
    def time(self) -> str:
        """The date as ISO 8601 has it, in UTC."""
        return self.date.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def runs(self) -> tuple[ExportedRun, ...]:
        """The runs that made subjects, each once. Other models that a run made are among its outputs."""
        found: list[ExportedRun] = []
        for model in self.subjects:
            if model.run is None or any(model in run.outputs for run in found):
                continue
            outputs = tuple(each for each in self.models if _is_same_run(each.run, model.run))
            parents = {parent.derivation.parent: parent for output in outputs for parent in output.parents}
            found.append(ExportedRun(model.run, model.inputs, tuple(parents.values()), outputs))
        return tuple(found)


def _is_same_run(one: RecordedRun | None, other: RecordedRun) -> bool:
    """Whether two records are of one run: of the same words, inputs and outputs, several at least."""
    return one is other or (one == other and len(other.outputs) > 1)


def with_visible_names(document: LineageDocument) -> LineageDocument:
    """A document whose texts have no control characters, no marks of direction and no lone surrogates.

    Not every format has these characters, and readers' terminals obey some.

    Raises:
        UsageError: Two models have one name then.
    """
    shown: LineageDocument = _visible(document)
    names = Counter(model.node.path for model in shown.models)
    name, count = names.most_common(1)[0] if names else ("", 0)
    if count > 1:
        raise UsageError(f"two models are called {name} once control characters are escaped", "rename one")
    return shown


def _visible(value: Any) -> Any:
    """A value with all its texts made visible."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, tuple):
        return tuple(map(_visible, value))
    if isinstance(value, frozenset):
        return frozenset(map(_visible, value))
    if isinstance(value, Mapping):
        return {_visible(key): _visible(each) for key, each in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        changed = {each.name: _visible(getattr(value, each.name)) for each in fields(value)}
        return replace(value, **changed)
    return value


def joined(names: tuple[str, ...]) -> str:
    """Names with commas between, for formats whose values are texts."""
    return ", ".join(names)
