from __future__ import annotations

import json

import pytest

from git_theta.store.lfs.errors import (
    means_no_objects,
    object_error,
    retry_after,
    server_message,
    status_error,
)


@pytest.mark.parametrize(
    ("status", "said", "retry"),
    [
        (401, "wants a user name and password", False),
        (404, "isn't there, or isn't a Git LFS server", False),
        (429, "was asked too often", True),
        (503, "has a failure of its own", True),
        (418, "refuses", False),
    ],
)
def test_meanings(status: int, said: str, retry: bool) -> None:
    error = status_error(status, "https://host", {})
    assert f"https://host {said}" in error.message
    assert f"(HTTP {status})" in error.message
    assert error.retry == retry


def test_a_password_that_was_refused() -> None:
    assert "doesn't accept the user name" in status_error(401, "host", {}, proved=True).message


def test_an_error_of_one_object() -> None:
    error = object_error(410, "gone.", "host", "abc")
    assert error.message == "object abc: host says that the object was removed (HTTP 410): gone"


def test_the_server_s_own_message() -> None:
    assert server_message(json.dumps({"message": "no\x1b[31m quota.\n"}).encode()) == "no [31m quota"
    assert len(server_message(json.dumps({"message": "x" * 1000}).encode())) == 300
    assert server_message(b"<html>") == server_message(b"[]") == ""


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("17", 17.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("soon", None),
    ],
)
def test_when_to_try_again(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, now=10.0) == seconds


def test_one_error_for_a_request_whose_objects_are_all_missing() -> None:
    assert means_no_objects(404, b'{"message": "Object does not exist"}')
    assert not means_no_objects(404, b'{"message": "not found"}')
    assert not means_no_objects(410, b'{"message": "Object does not exist"}')
