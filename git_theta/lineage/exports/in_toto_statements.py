"""In-toto statements: a SLSA provenance of each run that made models, one statement a line."""

from __future__ import annotations

import json
from typing import Any, Final

from git_theta.errors import UsageError
from git_theta.lineage.exports.hub_names import hub_name
from git_theta.lineage.exports.library import required_library
from git_theta.lineage.exports.lineage_document import (
    PRODUCER,
    ExportedInput,
    ExportedParent,
    ExportedRun,
    HashedFile,
    LineageDocument,
    joined,
)

PREDICATE_TYPE: Final = "https://slsa.dev/provenance/v1"

#: The type of the build, whose parameters are described in the documentation of `git theta lineage export`.
BUILD_TYPE: Final = f"{PRODUCER}/run/v1"

#: Names of annotations, and of parameters about statements, begin with this.
_PREFIX: Final = "git-theta:"


def in_toto_bytes(document: LineageDocument) -> bytes:
    """A statement for each run that made a subject. Statements aren't signed.

    Raises:
        UsageError: No run is recorded, the files weren't read, or in-toto-attestation isn't installed.
    """
    required_library("in_toto_attestation.v1.statement", "in-toto-attestation")
    runs = document.runs()
    if not runs:
        raise UsageError(
            "no record has the command that made the model, as it is in this commit",
            "git theta run records a command: git theta run --from BASE --out MODEL -- COMMAND",
        )
    if not all(output.files for run in runs for output in run.outputs):
        raise UsageError("a statement is about digests of files", "leave --unchecked out")
    lines = [json.dumps(_statement(document, run), sort_keys=True) for run in runs]
    return ("\n".join(lines) + "\n").encode()


def _statement(document: LineageDocument, run: ExportedRun) -> dict[str, Any]:
    """A statement as a dictionary, checked by the library."""
    from google.protobuf.json_format import MessageToDict, ParseDict
    from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
    from in_toto_attestation.v1.statement import Statement

    subjects = [
        _file(file, {"model": output.node.model, "verified": joined(output.verified)})
        for output in run.outputs
        for file in output.files
    ]
    predicate = MessageToDict(ParseDict(_provenance(document, run), provenance_pb2.Provenance()))
    statement = Statement([], PREDICATE_TYPE, predicate)
    for subject in subjects:
        ParseDict(subject, statement.pb.subject.add())
    statement.validate()
    found: dict[str, Any] = MessageToDict(statement.pb)
    return found


def _provenance(document: LineageDocument, run: ExportedRun) -> dict[str, Any]:
    recorded = run.run
    circumstances = {
        "environment": dict(recorded.environment),
        # Numbers of these documents are floats.
        "seed": "" if recorded.seed is None else str(recorded.seed),
        f"{_PREFIX}stated": ["command", "environment", "folder", "outputs", "seed"],
    }
    parameters = {
        "command": list(recorded.command),
        "folder": recorded.folder,
        "outputs": list(recorded.outputs) or [output.node.path for output in run.outputs],
    }
    source = {"uri": document.url} if document.url else {"name": "repository"}
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": _with_values(parameters),
            "internalParameters": _with_values(circumstances),
            "resolvedDependencies": [
                {**source, "digest": {"gitCommit": document.commit}},
                *map(_input, run.inputs),
                *(each for parent in run.parents for each in _parent(parent)),
            ],
        },
        "runDetails": {"builder": {"id": f"{PRODUCER}/run"}},
    }


def _input(file: ExportedInput) -> dict[str, Any]:
    digests = _with_values({"gitBlob": file.blob, "sha256": file.sha256})
    claim = "verified" if file.sha256 else "stated"
    annotations = {f"{_PREFIX}{claim}": "digest"}
    return _with_values({"name": file.path, "digest": digests, "annotations": annotations})


def _parent(parent: ExportedParent) -> list[dict[str, Any]]:
    """The files of a parent; or its name, if it isn't in the repository."""
    edge = parent.derivation
    notes = {
        "model": edge.parent_model,
        "parent": edge.parent,
        "relation": edge.relation,
        "verified": joined(parent.verified),
        "stated": joined(parent.stated),
    }
    if parent.files:
        return [_file(file, notes) for file in parent.files]
    on_hub = hub_name(edge.parent)
    uri = on_hub.url if on_hub else ""
    return [_with_values({"name": edge.parent, "uri": uri, "annotations": _annotations(notes)})]


def _file(file: HashedFile, notes: dict[str, str]) -> dict[str, Any]:
    digests = {"sha256": file.sha256, "blake3": file.blake3}
    return {"name": file.path, "digest": digests, "annotations": _annotations(notes)}


def _annotations(notes: dict[str, str]) -> dict[str, str]:
    return {f"{_PREFIX}{name}": value for name, value in notes.items() if value}


def _with_values(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value not in ("", [], {})}
