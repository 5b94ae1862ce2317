"""Clean and smudge of one file against a store, without Git."""

from __future__ import annotations

import os

from git_theta.clean import Cleaner
from git_theta.model.manifest import Manifest
from git_theta.smudge import Smudger
from git_theta.store.local import LocalStore


def clean(store: LocalStore, data: bytes, *previous: Manifest) -> Manifest:
    """Store a file; returns its manifest. Values of `previous` manifests need not be stored again."""
    return Cleaner(store, threads=2).clean(memoryview(data), previous).manifest


def smudge(store: LocalStore, manifest: Manifest) -> bytes:
    """Rebuild a file from its manifest."""
    handle = store.temporary_file()
    try:
        Smudger(store, threads=2).smudge(manifest, handle)
        os.lseek(handle, 0, os.SEEK_SET)
        with os.fdopen(os.dup(handle), "rb") as file:
            return file.read()
    finally:
        os.close(handle)
