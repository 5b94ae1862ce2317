"""OpenLineage events: models as datasets, their runs and derivations as jobs; one event a line."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, TypeVar
from uuid import NAMESPACE_URL, uuid5

from git_theta.lineage.exports.hub_names import HUB, hub_name
from git_theta.lineage.exports.library import required_library
from git_theta.lineage.exports.lineage_document import (
    PRODUCER,
    ExportedInput,
    ExportedModel,
    ExportedParent,
    ExportedRun,
    HashedFile,
    LineageDocument,
    joined,
)

if TYPE_CHECKING:
    from openlineage.client.event_v2 import (
        Dataset,
        DatasetEvent,
        InputDataset,
        Job,
        JobEvent,
        RunEvent,
    )
    from openlineage.client.generated.base import DatasetFacet, JobFacet

    AnyDataset = TypeVar("AnyDataset", bound=Dataset)

#: The namespace of jobs and datasets, if the repository's address isn't given.
_NAMESPACE: Final = "git-theta"

#: The source of tags.
_SOURCE: Final = "git-theta"

#: Names of tags begin with this.
_PREFIX: Final = "git-theta:"


def openlineage_bytes(document: LineageDocument) -> bytes:
    """The events of a document.

    A run that is recorded is the event of its completion. A derivation without a command is that of a job,
    and a model of which nothing is known that of a dataset. The time is that of the commit.

    Raises:
        UsageError: openlineage-python isn't installed.
    """
    required_library("openlineage.client.event_v2", "openlineage-python")
    from openlineage.client.serde import Serde

    lines = [Serde.to_json(event) for event in _events(document)]
    return ("\n".join(lines) + "\n").encode()


def _events(document: LineageDocument) -> Iterable[RunEvent | JobEvent | DatasetEvent]:
    from openlineage.client.event_v2 import DatasetEvent, StaticDataset

    for run in document.runs():
        yield _run_event(document, run)
    for model in document.subjects:
        if model.run is None and model.parents:
            yield _job_event(document, model)
        elif model.run is None:
            dataset = _model(document, model, StaticDataset)
            yield DatasetEvent(eventTime=document.time, producer=PRODUCER, dataset=dataset)


def _run_event(document: LineageDocument, run: ExportedRun) -> RunEvent:
    from openlineage.client.event_v2 import OutputDataset, Run, RunEvent, RunState
    from openlineage.client.generated.tags_run import TagsRunFacet, TagsRunFacetFields

    recorded = run.run
    notes = {
        **dict(sorted(recorded.environment.items())),
        f"{_PREFIX}commit": document.commit,
        f"{_PREFIX}seed": "" if recorded.seed is None else str(recorded.seed),
        f"{_PREFIX}stated": "command, environment, seed",
    }
    tags = [TagsRunFacetFields(name, value, _SOURCE) for name, value in notes.items() if value]
    key = [PRODUCER, _namespace(document), *(output.node.model for output in run.outputs), *recorded.command]
    inputs: list[InputDataset] = [_parent(document, parent) for parent in run.parents]
    inputs += [_input(document, file) for file in run.inputs]
    return RunEvent(
        eventType=RunState.COMPLETE,
        eventTime=document.time,
        producer=PRODUCER,
        run=Run(str(uuid5(NAMESPACE_URL, "\0".join(key))), {"tags": TagsRunFacet(tags, producer=PRODUCER)}),
        job=_job(document, run.outputs[0], recorded.command),
        inputs=inputs,
        outputs=[_model(document, output, OutputDataset) for output in run.outputs],
    )


def _job_event(document: LineageDocument, model: ExportedModel) -> JobEvent:
    from openlineage.client.event_v2 import JobEvent, OutputDataset

    return JobEvent(
        eventTime=document.time,
        producer=PRODUCER,
        job=_job(document, model, ()),
        inputs=[_parent(document, parent) for parent in model.parents],
        outputs=[_model(document, model, OutputDataset)],
    )


def _job(document: LineageDocument, model: ExportedModel, command: tuple[str, ...]) -> Job:
    from openlineage.client.event_v2 import Job
    from openlineage.client.generated.job_type_job import JobTypeJobFacet
    from openlineage.client.generated.source_code_job import SourceCodeJobFacet

    relation = model.parents[0].derivation.relation if model.parents else ""
    kind = JobTypeJobFacet("BATCH", "GIT_THETA", "RUN" if command else relation.upper(), producer=PRODUCER)
    facets: dict[str, JobFacet] = {"jobType": kind}
    if command:
        facets["sourceCode"] = SourceCodeJobFacet("shell", shlex.join(command), producer=PRODUCER)
    return Job(_namespace(document), model.node.path, facets)


def _model(document: LineageDocument, model: ExportedModel, kind: type[AnyDataset]) -> AnyDataset:
    notes = {
        "commit": document.commit,
        "format": model.node.format,
        "verified": joined(model.verified),
        "stated": joined(model.stated),
        "remarks": "\n".join(model.remarks),
    }
    return kind(
        _namespace(document), model.node.path, facets=_facets("MODEL", model.node.model, notes, model.files)
    )


def _parent(document: LineageDocument, parent: ExportedParent) -> InputDataset:
    from openlineage.client.event_v2 import InputDataset

    edge = parent.derivation
    notes = {
        "relation": edge.relation,
        "source": edge.source,
        "why": edge.why,
        "frozen": "\n".join(edge.frozen),
        "verified": joined(parent.verified),
        "stated": joined(parent.stated),
        "remarks": "\n".join(parent.unknown),
    }
    facets = _facets("MODEL", edge.parent_model, notes, parent.files)
    on_hub = hub_name(edge.parent)
    if on_hub:
        return InputDataset(HUB, edge.parent.partition(":")[2], facets=facets)
    return InputDataset(_namespace(document), edge.parent, facets=facets)


def _input(document: LineageDocument, file: ExportedInput) -> InputDataset:
    from openlineage.client.event_v2 import InputDataset

    claim = "verified" if file.sha256 else "stated"
    notes = {"sha256": file.sha256, claim: "digest"}
    version = ":".join(("git", file.blob)) if file.blob else ""
    return InputDataset(_namespace(document), file.path, facets=_facets("FILE", version, notes, ()))


def _facets(
    kind: str, version: str, notes: dict[str, str], files: tuple[HashedFile, ...]
) -> dict[str, DatasetFacet]:
    from openlineage.client.generated.dataset_type_dataset import DatasetTypeDatasetFacet
    from openlineage.client.generated.dataset_version_dataset import DatasetVersionDatasetFacet
    from openlineage.client.generated.tags_dataset import TagsDatasetFacet, TagsDatasetFacetFields

    values = [(name, value) for name, value in notes.items() if value]
    values += [("sha256", f"{file.sha256}  {file.path}") for file in files]
    tags = [TagsDatasetFacetFields(f"{_PREFIX}{name}", value, _SOURCE) for name, value in values]
    facets: dict[str, DatasetFacet] = {
        "datasetType": DatasetTypeDatasetFacet(kind, producer=PRODUCER),
        "tags": TagsDatasetFacet(tags, producer=PRODUCER),
    }
    if version:
        facets["version"] = DatasetVersionDatasetFacet(version, producer=PRODUCER)
    return facets


def _namespace(document: LineageDocument) -> str:
    return document.url or _NAMESPACE
