from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from git_theta.clean import Cleaned, Cleaner
from git_theta.errors import ThetaError, ValueChangedError
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.clean_filter import CleanFilter
from git_theta.git.worktree.known_files import KnownFiles
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import parse_manifest
from tests.helpers.model_files import FIRST, NAME, SECOND
from tests.helpers.repo import Repo

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 5\n"


@pytest.fixture
def clean_filter(repository: Repository, known_files: KnownFiles) -> Iterator[CleanFilter]:
    with closing(CleanFilter(repository, known_files)) as made:
        yield made


def pieces(data: bytes) -> Iterator[memoryview]:
    for start in range(0, len(data), 1000):
        yield memoryview(data)[start : start + 1000]


@pytest.mark.parametrize("path", [NAME, None])
def test_content_without_a_file_is_stored(repo: Repo, clean_filter: CleanFilter, path: str | None) -> None:
    manifest = parse_manifest(clean_filter.clean(path, pieces(FIRST)))
    assert manifest.size == len(FIRST)
    assert repo.objects


def test_what_git_sends_counts_and_not_the_file(repo: Repo, clean_filter: CleanFilter) -> None:
    alone = clean_filter.clean(None, pieces(SECOND))
    repo.write(NAME, FIRST)
    assert clean_filter.clean(NAME, pieces(SECOND)) == alone


def test_equal_content_gives_the_blob_of_the_index(model: Repo, clean_filter: CleanFilter) -> None:
    blob = model.git("show", f":{NAME}").encode()
    assert clean_filter.clean(NAME, pieces(FIRST)) == blob


def test_a_known_file_is_not_cleaned_again(
    model: Repo, clean_filter: CleanFilter, known_files: KnownFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.write(NAME, SECOND)
    first = clean_filter.clean(NAME, pieces(SECOND))
    known_files.close()
    monkeypatch.setattr("git_theta.clean.Cleaner.clean", lambda *_: pytest.fail("it was cleaned"))
    assert clean_filter.clean(NAME, pieces(SECOND)) == first


@pytest.mark.parametrize("adding", [True, False])
def test_an_empty_file_is_an_empty_blob_and_noted_where_it_is_added(
    clean_filter: CleanFilter,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    adding: bool,
) -> None:
    monkeypatch.setattr("git_theta.git.worktree.clean_filter.adds_files", lambda: adding)
    assert clean_filter.clean(NAME, pieces(b"")) == b""
    assert (f"{NAME}: an empty file, not a checkpoint" in capfd.readouterr().err) == adding


def test_a_manifest_stays_as_it_is(
    model: Repo, clean_filter: CleanFilter, capfd: pytest.CaptureFixture[str]
) -> None:
    text = model.git("show", f":{NAME}").encode()
    model.write(NAME, text)
    assert clean_filter.clean(NAME, pieces(text)) == text
    assert not capfd.readouterr().err


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (b"\n<<<<<<< ours\n", "still in conflict; settle it"),
        (b"\nnonsense\n", "a manifest that isn't valid is stored as text"),
    ],
)
def test_a_damaged_manifest_stays_as_it_is(
    model: Repo, clean_filter: CleanFilter, capfd: pytest.CaptureFixture[str], change: bytes, complaint: str
) -> None:
    text = model.git("show", f":{NAME}").encode() + change
    assert clean_filter.clean(NAME, pieces(text)) == text
    assert f"{NAME}: {complaint}" in capfd.readouterr().err


def test_a_pointer_of_git_lfs_stays_as_it_is(
    clean_filter: CleanFilter, capfd: pytest.CaptureFixture[str]
) -> None:
    assert clean_filter.clean(NAME, pieces(POINTER)) == POINTER
    assert "git theta migrate import" in capfd.readouterr().err


@pytest.mark.parametrize("adds", [True, False])
def test_only_add_refuses_a_file_that_changes_meanwhile(
    repo: Repo, clean_filter: CleanFilter, monkeypatch: pytest.MonkeyPatch, adds: bool
) -> None:
    monkeypatch.setattr("git_theta.git.worktree.clean_filter.adds_files", lambda: adds)
    path = repo.write(NAME, FIRST)

    def content() -> Iterator[memoryview]:
        yield from pieces(FIRST)
        _change(path)

    if adds:
        with pytest.raises(ThetaError, match="was written to while Git read it"):
            clean_filter.clean(NAME, content())
    else:
        assert clean_filter.clean(NAME, content()) == clean_filter.clean(None, pieces(SECOND))


def test_a_file_that_changes_while_values_are_stored_is_copied_first(
    repo: Repo, clean_filter: CleanFilter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write through a map may leave the times of the file as they are."""
    monkeypatch.setattr("git_theta.git.worktree.clean_filter.adds_files", lambda: False)
    repo.write(NAME, FIRST)
    clean, failed = Cleaner.clean, []

    def fail_once(cleaner: Cleaner, data: memoryview, previous: Iterable[Manifest] = ()) -> Cleaned:
        if not failed:
            failed.append(True)
            raise ValueChangedError("'a' was written to")
        return clean(cleaner, data, previous)

    monkeypatch.setattr(Cleaner, "clean", fail_once)
    found = clean_filter.clean(NAME, pieces(FIRST))
    assert found == clean_filter.clean(None, pieces(FIRST))
    monkeypatch.setattr("git_theta.git.worktree.clean_filter.adds_files", lambda: True)
    failed.clear()
    repo.write(NAME, SECOND)
    with pytest.raises(ThetaError, match="was written to while Git read it"):
        clean_filter.clean(NAME, pieces(SECOND))


def _change(path: Path) -> None:
    path.write_bytes(SECOND)
