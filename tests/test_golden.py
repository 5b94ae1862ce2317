"""Files that an earlier version stored: they must come back, and be understood in the same way, for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from git_theta.clean import Cleaner, same_content
from git_theta.model.manifest_text import parse_manifest
from git_theta.store.local import LocalStore
from tests.helpers.storing import smudge

FOLDER = Path(__file__).parent / "fixtures" / "v1"
FILES = sorted(path.name.removesuffix(".manifest") for path in FOLDER.glob("*.manifest"))


def test_there_are_some() -> None:
    names = ("plain", "changed", "edited", "sized", "bundled", "converted")
    kinds = {f"{kind}.safetensors" for kind in names}
    assert kinds | {"training.pt", "legacy.pt", "opaque.bin"} <= set(FILES)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """A store that reads the golden objects and writes elsewhere."""
    return LocalStore(tmp_path / "theta", (FOLDER,))


@pytest.mark.parametrize("name", FILES)
def test_a_golden_file_comes_back(store: LocalStore, name: str) -> None:
    text = (FOLDER / f"{name}.manifest").read_bytes()
    manifest = parse_manifest(text)
    assert manifest.to_bytes() == text
    assert smudge(store, manifest) == (FOLDER / name).read_bytes()
    for oid in manifest.oids():
        store.verify(oid)


@pytest.mark.parametrize("name", FILES)
def test_a_golden_file_is_split_in_the_same_way(tmp_path: Path, name: str) -> None:
    manifest = parse_manifest((FOLDER / f"{name}.manifest").read_bytes())
    now = Cleaner(LocalStore(tmp_path)).clean(memoryview((FOLDER / name).read_bytes())).manifest
    assert now.format == manifest.format
    assert same_content(now, manifest)
