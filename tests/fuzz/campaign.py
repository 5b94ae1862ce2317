"""Give a reader many inputs, and keep those that it can't take."""

from __future__ import annotations

import resource
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import process_time
from types import FrameType

from git_theta.errors import ThetaError
from tests.fuzz.target import Target

#: Seconds of computing that one input may take, and bytes of memory that it may need.
MAX_SECONDS = 2.0
MAX_MEMORY = 1 << 30


class TooSlowError(BaseException):
    """An input takes more than `MAX_SECONDS`; no reader may catch it."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An input that a reader can't take."""

    index: int
    data: bytes
    error: BaseException


@dataclass(slots=True)
class Outcome:
    """The results of a campaign.

    Attributes:
        read: The number of inputs that were read.
        refused: The number of inputs for which there was a ThetaError.
        slowest: Seconds of computing for the slowest input, and its number.
        failures: Inputs for which there was another exception, or that took too much time or memory.
    """

    read: int = 0
    refused: int = 0
    slowest: tuple[float, int] = (0.0, 0)
    failures: list[Failure] = field(default_factory=list)


def run(target: Target, seed: int, indices: range, most: int = 10) -> Outcome:
    """Give a reader the inputs of these numbers; stops after `most` failures."""
    outcome = Outcome()
    with _bounded_memory(), _alarms(), warnings.catch_warnings():
        warnings.simplefilter("error")
        for index in indices:
            data = target.input(seed, index)
            started = process_time()
            try:
                _timed(target, data)
            except ThetaError:
                outcome.refused += 1
            except (Exception, TooSlowError) as error:
                outcome.failures.append(Failure(index, data, error))
                if len(outcome.failures) >= most:
                    break
            else:
                outcome.read += 1
            outcome.slowest = max(outcome.slowest, (process_time() - started, index))
    return outcome


def _timed(target: Target, data: bytes) -> None:
    signal.setitimer(signal.ITIMER_PROF, MAX_SECONDS)
    try:
        target.read(data)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


@contextmanager
def _alarms() -> Iterator[None]:
    def expire(_number: int, _frame: FrameType | None) -> None:
        raise TooSlowError(f"more than {MAX_SECONDS} s")

    before = signal.signal(signal.SIGPROF, expire)
    try:
        yield
    finally:
        signal.signal(signal.SIGPROF, before)


@contextmanager
def _bounded_memory() -> Iterator[None]:
    """Limit the memory of this process to what it has now and `MAX_MEMORY`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    limit = now + MAX_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard == -1 else min(limit, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
