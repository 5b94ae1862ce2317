from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import ManifestError
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.manifest_reader import ManifestReader
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import parse_manifest
from git_theta.model.name_escapes import sort_key
from tests.helpers.generators import manifests
from tests.helpers.histories import manifest_of
from tests.helpers.repo import Repo


@given(st.lists(manifests(), min_size=1, max_size=3), st.data())
def test_versions_with_common_lines(versions: list[Manifest], data: st.DataObject) -> None:
    reader = ManifestReader(Git())
    entries = {entry.name: entry for version in versions for entry in version.entries}
    names = sorted(data.draw(st.sets(st.sampled_from(sorted(entries)))) if entries else (), key=sort_key)
    mixed = replace(versions[0], entries=tuple(entries[name] for name in names))
    for version in (*versions, mixed):
        assert reader._parse(version.to_bytes()) == version
    lines = mixed.to_bytes().split(b"\n")
    index = data.draw(st.integers(0, len(lines) - 1))
    for wrong in (
        [*lines[:index], *lines[index:][::-1]],
        [*lines[: index + 1], *lines[index:]],
        [*lines[:index], lines[index] + b"x", *lines[index + 1 :]],
        lines[:-1],
    ):
        text = b"\n".join(wrong)
        assert outcome(reader._parse, text) == outcome(parse_manifest, text)


def outcome(function: Callable[[bytes], Manifest], text: bytes) -> Manifest | str:
    try:
        return function(text)
    except ManifestError as error:
        return error.message


def test_few_manifests_are_kept(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repo.path)
    oids = [
        repo.run("git", "hash-object", "-w", "--stdin", stdin=manifest_of({"a": str(n)})).stdout.strip()
        for n in range(12)
    ]
    with ManifestReader(Git()) as manifests:
        for oid in [*oids, *oids]:
            assert manifests.get(oid)
        assert len(manifests._kept) < 12
        assert manifests.get("0" * 40) is None
        assert "can't read" in manifests.problem("0" * 40)
