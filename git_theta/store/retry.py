"""Persistence: something that may fail, tried as often as it's worth it."""

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
    """How hard to try.

    Attributes:
        threads: Objects transferred at once, at most.
        first: Objects transferred at once as long as that's fast.
        tries: How often something is tried that fails without any progress.
        delay: Seconds before the second try; doubled for each further one.
        longest: Seconds that the delay grows to at most.
        patience: Seconds that a remote may ask to wait for; if it asks for more, that's a failure.
    """

    threads: int = 8
    first: int = 3
    tries: int = 8
    delay: float = 0.1
    longest: float = 30.0
    patience: float = 300.0


def with_retries(
    attempt: Callable[[], _Result],
    pace: RetryPolicy,
    wait: Callable[[float], object] = time.sleep,
    kept: Callable[[], int] = lambda: 0,
) -> _Result:
    """The result of something that may fail.

    Args:
        attempt: Does it.
        pace: How hard to try.
        wait: Called with seconds to wait between two tries; it may raise to give up.
        kept: How much earlier tries have done for good.

    Raises:
        TransferError: Trying again doesn't help, or has been done often enough.
    """
    failures, reached = 0, kept()
    while True:
        try:
            return attempt()
        except TransferError as error:
            failure = error
        except (ConnectionError, TimeoutError) as error:
            failure = TransferError(f"the connection broke: {error.strerror or error}", retry=True)
        # Whoever gets on, however slowly, may go on for as long as it takes.
        if kept() > reached:
            failures, reached = 0, kept()
        failures += 1
        most = min(pace.tries, failure.tries or pace.tries)
        if not (failure.retry or failure.renew) or failures >= most:
            raise failure
        wait(_delay(failure, failures, pace))


def _delay(failure: TransferError, failures: int, pace: RetryPolicy) -> float:
    if failure.after is not None:
        if failure.after > pace.patience:
            raise TransferError(
                f"{failure.message}; it asks to wait for {failure.after:.0f} seconds",
                failure.hint or "try again later: what has been transferred isn't transferred again",
            )
        return max(0.0, failure.after)
    if failure.renew and failures == 1:
        return 0.0
    delay = min(pace.longest, pace.delay * 2.0 ** (failures - 1))
    return delay * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, keeps no secret
