from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event

import pytest

from git_theta.runtime.threads import run_all, run_grouped, stream, stream_grouped


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def test_results_are_in_order(pool: ThreadPoolExecutor) -> None:
    def slow_first(n: int) -> int:
        time.sleep(0.01 * (n == 0))
        return n * n

    squares = [n * n for n in range(20)]
    assert run_all(pool, slow_first, range(20)) == squares
    assert run_grouped(pool, slow_first, range(20), lambda n: n << 16) == squares


def test_a_result_is_given_while_later_ones_are_made(pool: ThreadPoolExecutor) -> None:
    had_first = Event()

    def task(n: int) -> bool:
        return n == 0 or had_first.wait(10)

    with closing(stream(pool, task, range(2))) as results:
        assert next(results)
        had_first.set()
        assert next(results)


def test_a_failure_cancels_the_rest(pool: ThreadPoolExecutor) -> None:
    done = []

    def task(n: int) -> None:
        if n == 1:
            raise ValueError("one")
        time.sleep(0.001)
        done.append(n)

    with pytest.raises(ValueError, match="one"):
        run_all(pool, task, range(1000))
    after = len(done)
    assert after < 999
    time.sleep(0.02)
    assert len(done) == after


def test_leaving_early_cancels_the_rest(pool: ThreadPoolExecutor) -> None:
    done: list[int] = []
    with closing(
        stream_grouped(pool, lambda n: done.append(n) or time.sleep(0.001), range(1000), lambda _n: 1 << 20)
    ) as results:
        next(results)
    after = len(done)
    assert after < 1000
    time.sleep(0.02)
    assert len(done) == after


def test_small_items_share_a_task(pool: ThreadPoolExecutor) -> None:
    submitted = []

    class Counting(ThreadPoolExecutor):
        def submit(self, *args, **kwargs):  # type: ignore[no-untyped-def]
            submitted.append(args)
            return super().submit(*args, **kwargs)

    with Counting(2) as counting:
        assert run_grouped(counting, lambda n: n, range(1000), lambda _n: 1000) == list(range(1000))
    assert len(submitted) < 10


def test_tiny_items_are_worked_on_one_at_a_time(pool: ThreadPoolExecutor) -> None:
    working, most = set(), []

    def task(n: int) -> None:
        working.add(n)
        time.sleep(0.001)
        most.append(len(working))
        working.discard(n)

    run_grouped(pool, task, range(20), lambda _n: 60_000)
    assert max(most) == 1
    most.clear()
    run_grouped(pool, task, range(20), lambda _n: 300_000)
    assert max(most) == 2
