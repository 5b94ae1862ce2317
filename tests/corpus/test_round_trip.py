"""Every file of a folder of real checkpoints comes back: `GIT_THETA_CORPUS=DIR pytest -m corpus -s`."""

from __future__ import annotations

import mmap
import os
import shutil
from pathlib import Path

import pytest

from git_theta.clean import Cleaner
from git_theta.model.manifest_text import parse_manifest
from git_theta.runtime.threads import default_threads
from git_theta.smudge import Smudger
from git_theta.store.local import LocalStore

pytestmark = pytest.mark.corpus

_CORPUS = os.environ.get("GIT_THETA_CORPUS", "")


def _files() -> list[Path]:
    return sorted(path for path in Path(_CORPUS).rglob("*") if path.is_file()) if _CORPUS else []


def _map(path: Path) -> memoryview:
    if not path.stat().st_size:
        return memoryview(b"")
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


@pytest.mark.skipif(not _CORPUS, reason="GIT_THETA_CORPUS isn't set")
@pytest.mark.parametrize("path", _files(), ids=lambda path: str(path.relative_to(_CORPUS)))
def test_a_file_comes_back_bit_for_bit(path: Path, tmp_path: Path) -> None:
    store, target = LocalStore(tmp_path / "theta"), tmp_path / "again"
    data = _map(path)
    cleaned = Cleaner(store, threads=default_threads()).clean(data)
    manifest = parse_manifest(cleaned.manifest.to_bytes())
    assert manifest == cleaned.manifest
    with target.open("w+b") as file:
        Smudger(store, threads=default_threads()).smudge(manifest, file.fileno())
    assert data == _map(target)

    stored = sum(size for _, size in store.list())
    print(
        f"\n  {manifest.format}: {len(manifest.entries)} parameters, {len(data):,} bytes,"
        f" stored {stored / max(len(data), 1):.3f} {cleaned.note}"
    )
    # pytest keeps the folders of three runs, which would be gigabytes.
    shutil.rmtree(store.root, ignore_errors=True)
    target.unlink()
