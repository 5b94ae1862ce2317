from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from git_theta.errors import CorruptError
from git_theta.git.drivers.delayed_files import DelayedFile, DelayedFiles
from git_theta.git.drivers.filter_protocol import FilterRequest
from git_theta.model.manifest import Manifest
from git_theta.store.local import LocalStore
from tests.helpers.manifests import manifest_named

MANIFEST = manifest_named("weight")


def request(path: str) -> FilterRequest:
    return FilterRequest(["command=smudge", f"pathname={path}", "can-delay=1", "blob=12ab"])


def decoded(_manifest: Manifest) -> int:
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def damaged(_manifest: Manifest) -> int:
    raise CorruptError("the object is damaged")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


def test_a_file_is_decoded_before_git_asks_again(store: LocalStore, pool: ThreadPoolExecutor) -> None:
    files = DelayedFiles(store, decoded, pool)
    files.add(DelayedFile(request("a"), MANIFEST))
    assert "a" in files
    files.decode_ahead()
    assert files.available() == ["a"]
    content = files.take("a").content
    assert content is not None
    os.close(content.result())
    assert "a" not in files
    assert files.available() == []


def test_values_of_all_files_are_fetched_once(store: LocalStore, pool: ThreadPoolExecutor) -> None:
    one, other = (manifest_named(name).entries[0] for name in ("one", "other"))
    files = DelayedFiles(store, decoded, pool)
    files.add(DelayedFile(request("a"), MANIFEST, lacking=[one]))
    files.add(DelayedFile(request("b"), MANIFEST, lacking=[one, other]))
    files.decode_ahead()
    assert files.take("a").content is None
    files.add(DelayedFile(request("a"), MANIFEST, lacking=[one]))
    assert files.take_lacking() == [one, other, one]
    assert files.take_lacking() == []
    files.decode_ahead()
    assert set(files.available()) <= {"a", "b"}
    files.close()


def test_a_failure_comes_after_all_others(store: LocalStore, pool: ThreadPoolExecutor) -> None:
    good = manifest_named("good")
    files = DelayedFiles(store, lambda m: decoded(m) if m == good else damaged(m), pool)
    files.add(DelayedFile(request("bad"), MANIFEST))
    files.add(DelayedFile(request("good"), good))
    files.decode_ahead()
    assert files.available() == ["good"]
    content = files.take("good").content
    assert content is not None
    os.close(content.result())
    assert files.available() == ["bad"]
    with pytest.raises(CorruptError):
        (files.take("bad").content or content).result()


def test_a_file_that_is_written_later_needs_its_objects_only(
    store: LocalStore, pool: ThreadPoolExecutor
) -> None:
    files = DelayedFiles(store, damaged, pool)
    files.add(DelayedFile(request("large"), MANIFEST, written_later=True))
    files.decode_ahead()
    assert not all(store.has(oid) for oid in MANIFEST.objects())
    assert files.available() == ["large"]
    assert files.take("large").content is None


def test_only_some_files_are_decoded_ahead(store: LocalStore, pool: ThreadPoolExecutor) -> None:
    files = DelayedFiles(store, decoded, pool)
    for number in range(20):
        files.add(DelayedFile(request(str(number)), MANIFEST))
    files.decode_ahead()
    files.decode_ahead()
    taken = [files.take(str(number)).content for number in range(20)]
    begun = [content for content in taken if content]
    assert len(begun) == 16
    for content in begun:
        os.close(content.result())


def test_files_that_git_does_not_ask_for_are_closed(store: LocalStore) -> None:
    opened: list[int] = []
    started, go_on = Event(), Event()

    def decode(manifest: Manifest) -> int:
        opened.append(decoded(manifest))
        started.set()
        go_on.wait(60)
        return opened[-1]

    with ThreadPoolExecutor(1) as pool:
        files = DelayedFiles(store, decode, pool)
        for path in ("a", "b"):
            files.add(DelayedFile(request(path), MANIFEST))
        files.decode_ahead()
        started.wait(60)
        go_on.set()
        files.close()
        assert "a" not in files
    for handle in opened:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(handle)
