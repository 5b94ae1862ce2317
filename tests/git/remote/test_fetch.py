"""Errors of a fetch, and that it can be interrupted."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

import pytest

from git_theta.errors import MissingObjectError, ThetaError
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.sigint import interrupts_raised
from git_theta.git.remote import fetch
from git_theta.git.remote.fetch import Fetched, ensure_values, fetch_objects
from git_theta.git.repository.repository import Repository
from git_theta.model.manifest import Entry, ObjectRef, Source
from git_theta.model.tensor import TensorSpec
from git_theta.store.local import LocalStore
from git_theta.store.remote import RemoteObject, TransferError
from tests.helpers.repo import Repo

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


@pytest.fixture
def repository(repo: Repo) -> Repository:
    return Repository(Git(repo.path))


def answering(
    monkeypatch: pytest.MonkeyPatch, answers: Mapping[str, Mapping[str, ThetaError] | ThetaError]
) -> list[tuple[str, list[str]]]:
    """Make remotes that fail, each with its errors; returns the names of objects that each is asked for."""
    asked = []

    def fetch_from(
        _repository: Repository, name: str, wanted: list[RemoteObject], _store: LocalStore
    ) -> tuple[Mapping[str, ThetaError], str]:
        asked.append((name, [each.oid for each in wanted]))
        answer = answers[name]
        if isinstance(answer, Exception):
            return dict.fromkeys((each.oid for each in wanted), answer), ""
        return answer, ""

    monkeypatch.setattr(fetch, "_fetch_from", fetch_from)
    monkeypatch.setattr(fetch, "fetch_remotes", lambda _repository: list(answers))
    return asked


def entry(oid: str) -> Entry:
    return Entry("x", TensorSpec("U8", (4,)), "0" * 64, Source("dense", ObjectRef(oid, size=4)))


def absent(*oids: str) -> dict[str, ThetaError]:
    return {oid: MissingObjectError(f"object {oid} isn't at x") for oid in oids}


def test_nothing_is_needed(repository: Repository) -> None:
    assert fetch_objects(repository, {}) == Fetched()


def test_without_a_remote(repository: Repository) -> None:
    with pytest.raises(MissingObjectError, match="and 1 more, isn't here, and there's no remote"):
        fetch_objects(repository, {A: 1, B: 2})
    assert ensure_values(repository, [entry(A)]) == Fetched()


def test_the_error_of_the_only_remote(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, {"origin": TransferError("no network", "plug it in")})
    with pytest.raises(TransferError, match="no network") as caught:
        fetch_objects(repository, {A: 1, B: 2})
    assert caught.value.hint == "plug it in"


def test_an_obstacle_counts_more_than_a_missing_object(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, {"origin": {**absent(A), B: TransferError("too slow")}})
    with pytest.raises(TransferError, match="too slow"):
        fetch_objects(repository, {A: 1, B: 2})


def test_the_errors_of_several_remotes(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(
        monkeypatch,
        {
            "origin": absent(A, B, C),
            "far": TransferError("no network", "plug it in"),
            "odd": {**absent(A), B: TransferError("too slow"), C: TransferError("too late")},
        },
    )
    with pytest.raises(MissingObjectError) as caught:
        fetch_objects(repository, {C: 3, B: 2, A: 1})
    assert [caught.value.message, *caught.value.details] == [
        f"object {A}, and 2 more, couldn't be fetched:",
        "  origin: 3 not there",
        "  far: no network",
        "  odd: 1 not there; too slow, and 1 more failed",
    ]
    assert caught.value.hint == "plug it in"
    assert asked == [(name, [A, B, C]) for name in ("origin", "far", "odd")]


def test_a_remote_by_name(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, {"origin": absent(A), "backup": absent(A)})
    with pytest.raises(MissingObjectError, match="isn't at backup: backup") as caught:
        fetch_objects(repository, {A: 1}, "backup")
    assert caught.value.hint == "whoever has it must send it: git theta push"
    assert asked == [("backup", [A])]


def test_a_hint_that_objects_may_be_elsewhere(
    repo: Repo, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, {"origin": absent(A)})
    repo.git("config", "remote.origin.url", "https://me:secret@example.com/a.git")
    place = "https://example.com/a.git/info/lfs"
    with pytest.raises(MissingObjectError, match=f"isn't at origin: {place}\n") as caught:
        fetch_objects(repository, {A: 1})
    assert "or, if its objects are elsewhere: git config theta.remote.origin.url URL" in caught.value.hint
    repo.git("config", "theta.remote.origin.url", "s3://bucket/x")
    with pytest.raises(MissingObjectError, match="isn't at origin: s3://bucket/x\n") as caught:
        fetch_objects(Repository(Git(repo.path)), {A: 1})
    assert "elsewhere" not in caught.value.hint


def test_only_missing_objects_are_asked_for(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    oid = repository.store.put([b"here"])
    asked = answering(monkeypatch, {"origin": absent(A)})
    with pytest.raises(MissingObjectError):
        ensure_values(repository, [entry(A), entry(oid)])
    assert asked == [("origin", [A])]
    assert ensure_values(repository, [entry(oid)]) == Fetched()


def test_ctrl_c_ends_a_fetch() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(ThetaError, match="interrupted"), interrupts_raised():
            os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
