"""A lineage as documents state it, with hostile names, for the tests of each format."""

from __future__ import annotations

from datetime import UTC, datetime

from git_theta.lineage.exports.lineage_document import (
    ExportedInput,
    ExportedModel,
    ExportedParent,
    HashedFile,
    LineageDocument,
    with_visible_names,
)
from git_theta.lineage.graph import Derivation, ModelNode
from git_theta.lineage.record import RecordedRun

#: A name of a file with all that Markdown, XML, YAML, shells and terminals obey, and a byte that isn't UTF-8.
HOSTILE = "a`|<b>]]>&\"'\n---\x1b[31m{{x}}: #\u202e\udcff.pt"

BASE, TUNED, HUB = "base.pt", "tuned/model.pt", "hf:org/name@main"


def digest_of(number: int) -> str:
    """The digest of a model that there isn't."""
    return f"blake3:{number:064x}"


def hashed(path: str, number: int = 7) -> HashedFile:
    """A file with digests that are made up."""
    return HashedFile(path, 100, f"{number:064x}", f"{number + 1:064x}")


def edge(child: str, parent: str, relation: str = "finetune", model: str = "", why: str = "") -> Derivation:
    """A recorded derivation."""
    return Derivation(child, parent, relation, "recorded", why, model)


def sample(*chosen: str, url: str = "") -> LineageDocument:
    """A base from the Hub, a fine-tune of it that a command made, and a fine-tune with a hostile name.

    Args:
        chosen: The subjects; all models of the repository if there are none.
        url: The address of the repository.
    """
    run = RecordedRun(
        ("python", "train.py", "--out", "{out}", HOSTILE),
        {"train.py": "git:" + "1" * 40},
        (),
        {"python": "3.11", "gpu": HOSTILE},
        2**60 + 1,
        "work",
    )
    base, hostile = digest_of(1), digest_of(3)
    external = Derivation(BASE, HUB, "derived", "card")
    models = (
        ExportedModel(ModelNode(HUB, is_external=True)),
        ExportedModel(
            ModelNode(BASE, base, "pytorch", 4, 100, (BASE,)),
            (hashed(BASE),),
            (ExportedParent(external, (), (f"{HUB} isn't in this repository",)),),
            card=hashed("README.md"),
        ),
        ExportedModel(
            ModelNode(TUNED, digest_of(2), "pytorch", 4, 100, (TUNED,)),
            (hashed(TUNED, 9),),
            (ExportedParent(edge(TUNED, BASE, model=base), (hashed(BASE),)),),
            run,
            (ExportedInput("train.py", "1" * 40, f"{5:064x}"), ExportedInput("data.csv", "2" * 40)),
        ),
        ExportedModel(
            ModelNode(HOSTILE, hostile, "pytorch", 4, 200, (HOSTILE, "b.pt"), problems=(HOSTILE,)),
            (hashed(HOSTILE, 11), hashed("b.pt", 13)),
            (ExportedParent(edge(HOSTILE, BASE, "distilled", base, HOSTILE), (hashed(BASE),)),),
            remarks=(HOSTILE,),
        ),
    )
    subjects = frozenset(chosen or (BASE, TUNED, HOSTILE))
    date = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    return with_visible_names(LineageDocument("c" * 40, date, models, subjects, url))
