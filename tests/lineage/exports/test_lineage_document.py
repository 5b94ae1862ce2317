"""Statements that documents say were verified, and names in them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from git_theta.errors import UsageError
from git_theta.lineage.exports.lineage_document import (
    ExportedModel,
    ExportedParent,
    LineageDocument,
    with_visible_names,
)
from git_theta.lineage.graph import Derivation, ModelNode
from git_theta.lineage.record import RecordedRun
from tests.helpers.exported_lineage import TUNED, digest_of, edge, hashed, sample


def test_a_relation_is_never_more_than_plausible() -> None:
    known = ExportedParent(edge("a", "b", "finetune", digest_of(1)))
    assert known.verified == ("parent-digest", "relation-plausible")
    assert known.stated == ("relation",)
    other = ExportedParent(edge("a", "b", "distilled", digest_of(1), "because"))
    assert other.verified == ("parent-digest",)
    assert other.stated == ("relation", "why")


def test_nothing_is_verified_of_a_parent_that_isnt_known() -> None:
    derivation = Derivation("a", "b", "finetune", "recorded", "", digest_of(1), None, ("l.*",))
    assert ExportedParent(derivation).verified == ("parent-digest", "relation-plausible", "frozen-parameters")
    unknown = ExportedParent(derivation, (), ("the history is cut off",))
    assert unknown.verified == ()
    assert unknown.stated == ("parent-digest", "relation", "frozen-parameters")


def test_a_digest_of_files_that_werent_read_is_stated() -> None:
    read = ExportedModel(ModelNode("a", digest_of(1)), (hashed("a"),))
    assert (read.verified, read.stated) == (("model-digest", "file-digests"), ())
    unread = replace(read, files=())
    assert (unread.verified, unread.stated) == ((), ("model-digest",))


def document(*models: ExportedModel) -> LineageDocument:
    names = frozenset(model.node.path for model in models)
    return LineageDocument("c" * 40, datetime(2026, 1, 2, tzinfo=UTC), models, names)


def test_a_run_with_several_outputs_is_one() -> None:
    run = RecordedRun(("train",), {}, ("a", "b"))
    alone = RecordedRun(("train",))
    models = [ExportedModel(ModelNode(name), run=replace(run)) for name in ("a", "b")]
    models += [ExportedModel(ModelNode(name), run=replace(alone)) for name in ("c", "d")]
    found = document(*models).runs()
    assert [[output.node.path for output in each.outputs] for each in found] == [["a", "b"], ["c"], ["d"]]


def test_names_are_visible_and_still_different() -> None:
    found = sample()
    assert all(name.isprintable() for name in found.by_path)
    assert TUNED in found.by_path
    with pytest.raises(UsageError, match="two models are called a%1B"):
        with_visible_names(document(ExportedModel(ModelNode("a\x1b")), ExportedModel(ModelNode("a%1B"))))
