from __future__ import annotations

import os
from pathlib import Path

import pytest

from git_theta.errors import ManifestError
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.known_files import KnownFiles
from git_theta.git.worktree.smudge_filter import file_pieces, manifest_to_smudge, read_pieces, smudge
from git_theta.model.manifest_text import parse_manifest
from tests.helpers.manifests import manifest_named
from tests.helpers.model_files import FIRST, NAME
from tests.helpers.repo import Repo


def test_only_a_manifest_is_smudged(capfd: pytest.CaptureFixture[str]) -> None:
    manifest = manifest_named("weight")
    assert manifest_to_smudge(memoryview(manifest.to_bytes()), NAME) == manifest
    assert manifest_to_smudge(memoryview(b"weights"), NAME) is None
    assert not capfd.readouterr().err
    assert manifest_to_smudge(memoryview(manifest.to_bytes()[:-5]), NAME) is None
    assert f"{NAME}: a manifest that isn't valid is left as text" in capfd.readouterr().err


def test_a_manifest_of_a_newer_version_is_refused() -> None:
    with pytest.raises(ManifestError, match="isn't known"):
        manifest_to_smudge(memoryview(b"git-theta manifest 9\n\n"), NAME)


def test_a_file_is_written_and_its_values_are_known(
    model: Repo, repository: Repository, known_files: KnownFiles, tmp_path: Path
) -> None:
    manifest = parse_manifest(model.git("show", f":{NAME}").encode())
    with (tmp_path / "out").open("w+b") as out:
        smudge(repository, known_files, manifest, out.fileno())
        assert b"".join(map(bytes, file_pieces(out.fileno()))) == FIRST
    assert known_files.recent() == [manifest]
    assert known_files.source(manifest.entries[0].digest) == manifest.entries[0].source


def test_pieces_end_with_the_content() -> None:
    read, write = os.pipe()
    os.write(write, b"abcde")
    os.close(write)
    assert [bytes(piece) for piece in read_pieces(read, 2)] == [b"ab", b"cd", b"e"]
    os.close(read)
