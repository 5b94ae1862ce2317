from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from git_theta.store.lfs.batch import batch_answer, batch_request, headers_of, lifetime, server_time
from git_theta.store.remote import RemoteObject, TransferError

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


def test_a_request() -> None:
    objects = [RemoteObject("a" * 64, 5), RemoteObject("b" * 64, None)]
    assert json.loads(batch_request("download", objects, "refs/heads/main")) == {
        "operation": "download",
        "transfers": ["basic"],
        "objects": [{"oid": "a" * 64, "size": 5}, {"oid": "b" * 64, "size": 0}],
        "hash_algo": "sha256",
        "ref": {"name": "refs/heads/main"},
    }
    assert "ref" not in json.loads(batch_request("upload", [], None))


def test_an_answer() -> None:
    upload = {"href": "/store/a", "header": {"X-Key": "k"}, "expires_in": 60}
    entries = [
        {"oid": "a", "size": 5, "authenticated": True, "actions": {"upload": upload}},
        {"oid": "b", "size": 6, "error": {"code": 404, "message": "not here"}},
    ]
    first, second = batch_answer(json.dumps({"objects": entries}).encode(), "https://host/lfs/objects/batch")
    assert (first.oid, first.size, first.authenticated, first.error) == ("a", 5, True, None)
    action = first.actions["upload"]
    assert (action.href, action.header, action.lifetime) == ("https://host/store/a", {"X-Key": "k"}, 60.0)
    assert (second.actions, second.error) == ({}, (404, "not here"))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b'{"objects": [{}]}',
        b'{"objects": [{"oid": "a", "size": -1}]}',
        b'{"objects": [], "transfer": "tus"}',
        b'{"objects": [], "hash_algo": "sha1"}',
        b'{"objects": [{"oid": "a", "actions": {"upload": {"href": "file:///etc"}}}]}',
    ],
)
def test_invalid_answers(answer: bytes) -> None:
    with pytest.raises(TransferError):
        batch_answer(answer, "https://host")


@pytest.mark.parametrize("name", ["upload", "download", "verify"])
def test_no_step_down_from_https(name: str) -> None:
    """The object, and the headers of the action, would go over the network in the clear."""
    entry = {"oid": "a", "actions": {name: {"href": "http://host/a?token=s3cret", "header": {"X": "key"}}}}
    answer = json.dumps({"objects": [entry]}).encode()
    with pytest.raises(TransferError, match="without encryption, by http://host/a\n"):
        batch_answer(answer, "https://host/lfs/objects/batch")
    assert batch_answer(answer, "http://host/lfs/objects/batch")[0].actions


@pytest.mark.parametrize("header", [{"X Y": "a"}, {"X": "a\r\nY: b"}, {"X": "ü"}])
def test_headers_that_would_break_a_request(header: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="isn't valid"):
        headers_of({"header": header})


@pytest.mark.parametrize(
    ("entry", "seconds"),
    [
        ({}, None),
        ({"expires_in": 60}, 60.0),
        ({"expires_in": 0, "expires_at": (NOW + timedelta(hours=1)).isoformat()}, 3600.0),
        ({"expires_at": "2024-05-01T12:00:30"}, 30.0),
        ({"expires_at": NOW.astimezone(timezone(timedelta(hours=2))).isoformat()}, None),
        ({"expires_at": "0001-01-01T00:00:00Z"}, None),
    ],
)
def test_lifetimes(entry: dict[str, object], seconds: float | None) -> None:
    assert lifetime(entry, NOW) == seconds


@pytest.mark.parametrize("date", [None, "", "soon", f"Fri, 31 Dec {'9' * 30} 23:59:59 GMT"])
def test_dates_that_are_none(date: str | None) -> None:
    assert server_time(date) is None


def test_a_date_without_a_zone_is_utc() -> None:
    assert server_time("Fri, 31 Dec 2021 23:59:59 -0000") == datetime(2021, 12, 31, 23, 59, 59, tzinfo=UTC)
