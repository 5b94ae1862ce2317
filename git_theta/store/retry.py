"""Retries: a request is repeated, with growing delays, for as long as another attempt may succeed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from git_theta.store.remote import TransferError

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Limits of retries.

    Attributes:
        tries: The most attempts in a row that make no progress.
        delay: Seconds before the second attempt; doubled for each further one.
        max_delay: The longest delay in seconds.
        max_wait: The most seconds that a remote may ask to wait for; more is a failure.
    """

    tries: int = 8
    delay: float = 0.1
    max_delay: float = 30.0
    max_wait: float = 300.0


def with_retries(
    attempt: Callable[[], _Result],
    policy: RetryPolicy,
    wait: Callable[[float], object] = time.sleep,
    progress: Callable[[], int] = lambda: 0,
) -> _Result:
    """The result of the first attempt that succeeds.

    Args:
        attempt: Called for each attempt.
        policy: Limits of retries.
        wait: Called with the seconds to wait before another attempt; it may raise to give up.
        progress: Gives a number that grows with what attempts have achieved for good, such as bytes on disk.

    Raises:
        TransferError: The attempts failed, and another isn't worth it.
    """
    failures, reached = 0, progress()
    while True:
        try:
            return attempt()
        except TransferError as error:
            failure = error
        except (ConnectionError, TimeoutError) as error:
            failure = TransferError(f"the connection broke: {error.strerror or error}", retry=True)
        # However slow, attempts that make progress go on.
        if progress() > reached:
            failures, reached = 0, progress()
        failures += 1
        tries = min(policy.tries, failure.tries or policy.tries)
        if not (failure.retry or failure.renew) or failures >= tries:
            raise failure
        wait(_delay(failure, failures, policy))


def _delay(failure: TransferError, failures: int, policy: RetryPolicy) -> float:
    if failure.after is not None:
        if failure.after > policy.max_wait:
            raise TransferError(
                f"{failure.message}; it asks to wait for {failure.after:.0f} seconds",
                failure.hint or "try again later: what has been transferred isn't transferred again",
            )
        return max(0.0, failure.after)
    if failure.renew and failures == 1:
        return 0.0
    delay = min(policy.max_delay, policy.delay * 2.0 ** (failures - 1))
    return delay * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, keeps no secret
