"""New manifests are ones that can be read again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from git_theta.encoding.new_manifest import completed
from git_theta.errors import ExcessError, ManifestError
from git_theta.limits import Limits
from git_theta.model import manifest_text
from git_theta.model.manifest import Source
from git_theta.model.tensor import TensorSpec
from git_theta.store.local import LocalStore
from tests.helpers.manifests import entry, manifest


def test_a_manifest_within_the_limits_is_given_back(tmp_path: Path) -> None:
    made = manifest(entry("a"), entry("b"))
    assert completed(made, LocalStore(tmp_path)) == made


def test_values_that_take_too_much_are_refused(tmp_path: Path) -> None:
    large = manifest(entry("a", spec=TensorSpec("F32", (1 << 33,))))
    with pytest.raises(ExcessError, match="couldn't be checked out again: decoding takes"):
        completed(large, LocalStore(tmp_path))
    assert completed(large, LocalStore(tmp_path, limits=Limits(work=1 << 40))) == large


@pytest.mark.parametrize("limit", ["MAX_PARAMETERS", "MAX_SOURCES", "MAX_TEXT_BYTES", "MAX_LINE_BYTES"])
def test_a_text_that_could_not_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    first = entry("a")
    made = manifest(first, replace(first, name="b", source=Source("x", None, (first.source,))))
    text = made.to_bytes()
    most = {"MAX_PARAMETERS": 2, "MAX_SOURCES": 3, "MAX_TEXT_BYTES": len(text), "MAX_LINE_BYTES": 1000}[limit]
    monkeypatch.setattr(manifest_text, limit, most)
    assert manifest_text.parse_manifest(completed(made, LocalStore(tmp_path)).to_bytes()) == made
    monkeypatch.setattr(manifest_text, limit, most - 1 if most < 1000 else 100)
    with pytest.raises(ManifestError, match="couldn't be checked out again"):
        completed(made, LocalStore(tmp_path))
    with pytest.raises(ManifestError):
        manifest_text.parse_manifest(text)


@pytest.mark.parametrize("part", ["header", "line"])
def test_the_longest_text_is_the_one_that_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    long = Source("x", None, (entry("a").source,) * 9)
    made = manifest(entry("a"))
    if part == "header":
        made = replace(made, layout=replace(made.layout, source=long))
    else:
        made = replace(made, entries=(replace(made.entries[0], source=long),))
    header, _, line = made.to_bytes().partition(b"\n\n")
    most = max(len(header) + 2, len(line))
    monkeypatch.setattr(manifest_text, "MAX_LINE_BYTES", most)
    assert manifest_text.parse_manifest(completed(made, LocalStore(tmp_path)).to_bytes()) == made
    monkeypatch.setattr(manifest_text, "MAX_LINE_BYTES", most - 1)
    with pytest.raises(ManifestError, match=f"{'header' if part == 'header' else 'parameter'}.* takes more"):
        completed(made, LocalStore(tmp_path))
    with pytest.raises(ManifestError):
        manifest_text.parse_manifest(made.to_bytes())
