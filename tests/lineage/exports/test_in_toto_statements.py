"""In-toto statements, parsed by the library's own messages, which refuse what they don't know."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from git_theta.errors import UsageError
from git_theta.lineage.exports.in_toto_statements import in_toto_bytes
from git_theta.lineage.exports.lineage_document import LineageDocument
from git_theta.runtime.output import visible
from tests.helpers.exported_lineage import BASE, HOSTILE, HUB, TUNED, digest_of, sample

pytest.importorskip("in_toto_attestation")


def validated(document: LineageDocument) -> list[Any]:
    """The statements, which are valid by the library's messages of statements and of provenance."""
    from google.protobuf import json_format
    from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
    from in_toto_attestation.v1.statement import Statement
    from in_toto_attestation.v1.statement_pb2 import Statement as Message

    found = []
    for line in in_toto_bytes(document).decode().splitlines():
        statement = json.loads(line)
        Statement.copy_from_pb(json_format.ParseDict(statement, Message())).validate()
        json_format.ParseDict(statement["predicate"], Provenance())
        found.append(statement)
    return found


def test_a_run() -> None:
    (statement,) = validated(sample(TUNED, url="https://example.com/m.git"))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    (subject,) = statement["subject"]
    assert subject["name"] == TUNED
    assert subject["digest"] == {"sha256": f"{9:064x}", "blake3": f"{10:064x}"}
    assert subject["annotations"] == {
        "git-theta:model": digest_of(2),
        "git-theta:verified": "model-digest, file-digests",
    }
    build = statement["predicate"]["buildDefinition"]
    assert build["externalParameters"]["command"][:4] == ["python", "train.py", "--out", "{out}"]
    assert build["externalParameters"]["command"][4] == visible(HOSTILE)
    assert build["externalParameters"]["folder"] == "work"
    assert build["internalParameters"]["seed"] == str(2**60 + 1)
    assert "command" in build["internalParameters"]["git-theta:stated"]
    source, script, data, base = build["resolvedDependencies"]
    assert source == {"uri": "https://example.com/m.git", "digest": {"gitCommit": "c" * 40}}
    assert script["digest"] == {"gitBlob": "1" * 40, "sha256": f"{5:064x}"}
    assert script["annotations"] == {"git-theta:verified": "digest"}
    assert data["annotations"] == {"git-theta:stated": "digest"}
    assert (base["name"], base["digest"]["sha256"]) == (BASE, f"{7:064x}")
    assert base["annotations"]["git-theta:verified"] == "parent-digest, relation-plausible"


def test_a_parent_on_the_hub() -> None:
    document = sample(TUNED)
    base, tuned = document.by_path[BASE], document.by_path[TUNED]
    changed = replace(tuned, parents=base.parents)
    (statement,) = validated(replace(document, models=(*document.models[:2], changed)))
    parent = statement["predicate"]["buildDefinition"]["resolvedDependencies"][-1]
    assert (parent["name"], parent["uri"]) == (HUB, "https://huggingface.co/org/name/tree/main")
    assert parent["annotations"]["git-theta:stated"] == "relation"


def test_only_runs_have_statements() -> None:
    assert len(validated(sample())) == 1
    with pytest.raises(UsageError, match="no record has the command"):
        in_toto_bytes(sample(BASE))


def test_files_must_have_been_read() -> None:
    document = sample(TUNED)
    models = tuple(replace(model, files=()) for model in document.models)
    with pytest.raises(UsageError, match="a statement is about digests of files"):
        in_toto_bytes(replace(document, models=models))
