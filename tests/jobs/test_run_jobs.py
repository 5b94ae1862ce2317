"""Lists of jobs on an executor with workers that fail."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from git_theta.errors import UsageError
from git_theta.jobs.job import JobPlace, JobReport, WorkerError
from git_theta.jobs.run_jobs import ATTEMPTS, run_jobs


@dataclass(frozen=True)
class Doubling:
    """A job that doubles a number."""

    number: int

    @property
    def title(self) -> str:
        return f"doubling {self.number}"

    def run(self, place: JobPlace) -> int:
        if self.number < 0:
            raise UsageError("negative", "take another")
        if self.number == 0:
            raise WorkerError("no zeros here", result="nothing")
        return 2 * self.number


class Workers(Executor):
    """Workers that have names, some of which fail."""

    def __init__(self, *failing: str, lost: Collection[str] = ()) -> None:
        self.names = ["a", "b", "c", "d"]
        self.failing = failing
        self.lost = list(lost)
        self.used: list[str] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        found = self.submit_elsewhere((), fn, *args)
        assert found
        return found

    def submit_elsewhere(
        self, avoided: Collection[str], fn: Callable[..., Any], /, *args: Any
    ) -> Future[Any] | None:
        name = next((each for each in self.names if each not in avoided), None)
        if name is None:
            return None
        self.used.append(name)
        future: Future[Any] = Future()
        if name in self.failing:
            future.set_result(JobReport(problem=f"{name} is full", worker=name, is_final=False))
        else:
            report: JobReport = fn(*args)
            future.set_result(
                JobReport(report.result, report.problem, report.hint, name, report.is_final, report.exit_code)
            )
        return future

    def newly_lost(self) -> list[str]:
        found, self.lost = self.lost, []
        return found


def reports(executor: Executor, *numbers: int, said: list[str] | None = None) -> dict[int, JobReport]:
    note: Callable[[str], object] = (lambda _text: None) if said is None else said.append
    return dict(run_jobs(executor, [Doubling(number) for number in numbers], note))


def test_threads_here() -> None:
    with ThreadPoolExecutor(2) as executor:
        found = reports(executor, 1, 2, -1, 0)
    assert [found[number].result for number in range(4)] == [2, 4, None, "nothing"]
    assert (found[2].problem, found[2].hint, found[2].error.exit_code) == ("negative", "take another", 2)
    assert not found[3].is_final


def test_another_worker_is_tried() -> None:
    said: list[str] = []
    workers = Workers("a", "b", lost=["e"])
    assert reports(workers, 3, said=said)[0].result == 6
    assert workers.used == ["a", "b", "c"]
    assert said == [
        "worker e was lost: its jobs run elsewhere",
        "doubling 3: a is full; it's tried on another worker",
        "doubling 3: b is full; it's tried on another worker",
    ]


def test_attempts_have_an_end() -> None:
    workers = Workers("a", "b", "c", "d")
    assert reports(workers, 3)[0].problem == "c is full"
    assert len(workers.used) == ATTEMPTS
    workers = Workers()
    assert reports(workers, 0)[0].result == "nothing"
    assert workers.used == ["a", "b", "c"]


def test_errors_of_users_are_final() -> None:
    workers = Workers()
    assert reports(workers, -1)[0].problem == "negative"
    assert workers.used == ["a"]


def test_one_worker_cant_be_avoided() -> None:
    workers = Workers("a")
    workers.names = ["a"]
    assert reports(workers, 1)[0].problem == "a is full"


class KilledWorker(Exception):
    """The exception of Dask has this name."""


class Failing(Executor):
    """An executor whose tasks end by an exception."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if isinstance(self.error, CancelledError):
            future.cancel()
            future.set_running_or_notify_cancel()
        else:
            future.set_exception(self.error)
        return future


def test_lost_workers_and_schedulers_are_told() -> None:
    assert reports(Failing(KilledWorker()), 1)[0].problem == "all workers that began it were lost"
    assert "the scheduler was lost" in reports(Failing(CancelledError()), 1)[0].problem
    assert "unexpected RuntimeError: x" in reports(Failing(RuntimeError("x")), 1)[0].problem
