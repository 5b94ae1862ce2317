from __future__ import annotations

from collections.abc import Iterator

import pytest

from git_theta.store.remote import TransferError
from git_theta.store.retry import RetryPolicy, with_retries

POLICY = RetryPolicy(tries=4, delay=1.0, max_delay=3.0, max_wait=60.0)


class Attempts:
    """Attempts that raise some errors, one after another, and then succeed."""

    def __init__(self, *errors: Exception) -> None:
        self.errors: Iterator[Exception] = iter(errors)
        self.count = 0

    def __call__(self) -> str:
        self.count += 1
        for error in self.errors:
            raise error
        return "done"


def passing(**options: float) -> TransferError:
    return TransferError("busy", retry=True, **options)  # type: ignore[arg-type]


def test_success_needs_no_wait() -> None:
    assert with_retries(Attempts(), POLICY, wait=pytest.fail) == "done"


def test_delays_grow_to_a_limit() -> None:
    waits: list[float] = []
    assert with_retries(Attempts(passing(), passing(), passing()), POLICY, waits.append) == "done"
    assert [0.5 <= waits[0] <= 1.0, 1.0 <= waits[1] <= 2.0, 1.5 <= waits[2] <= 3.0] == [True] * 3


@pytest.mark.parametrize("error", [ConnectionResetError(104, "reset by peer"), TimeoutError("timed out")])
def test_a_broken_connection_is_tried_again(error: Exception) -> None:
    assert with_retries(Attempts(error), POLICY, wait=lambda _: None) == "done"


def test_final_errors_are_not_tried_again() -> None:
    attempts = Attempts(TransferError("refused"))
    with pytest.raises(TransferError, match="refused"):
        with_retries(attempts, POLICY, wait=pytest.fail)
    assert attempts.count == 1


@pytest.mark.parametrize(("tries", "count"), [(None, 4), (2, 2), (9, 4)])
def test_attempts_without_progress_end(tries: int | None, count: int) -> None:
    attempts = Attempts(*(TransferError("busy", retry=True, tries=tries) for _ in range(9)))
    with pytest.raises(TransferError, match="busy"):
        with_retries(attempts, POLICY, wait=lambda _: None)
    assert attempts.count == count


def test_progress_gives_further_attempts() -> None:
    attempts = Attempts(*(passing() for _ in range(9)))
    assert with_retries(attempts, POLICY, lambda _: None, progress=lambda: attempts.count) == "done"


def test_a_remote_may_ask_to_wait() -> None:
    waits: list[float] = []
    assert with_retries(Attempts(passing(after=59.0)), POLICY, waits.append) == "done"
    assert waits == [59.0]
    with pytest.raises(TransferError, match="busy; it asks to wait for 61 seconds"):
        with_retries(Attempts(passing(after=61.0)), POLICY, waits.append)


def test_an_expired_transfer_is_renewed_at_once() -> None:
    waits: list[float] = []
    assert with_retries(Attempts(TransferError("expired", renew=True)), POLICY, waits.append) == "done"
    assert waits == [0.0]
