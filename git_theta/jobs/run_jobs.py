"""Lists of jobs, run until each has an end: what fails on one worker is tried on another."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from dataclasses import dataclass
from typing import Any, Final, Protocol, runtime_checkable

from git_theta.errors import explained
from git_theta.jobs.job import Job, JobReport
from git_theta.jobs.run_here import run_here

#: Workers that a job is tried on, at most.
ATTEMPTS: Final = 3


#: Seconds between two looks at the workers.
_LOOK: Final = 1.0


@runtime_checkable
class HasWorkers(Protocol):
    """An executor whose workers have names, and may be lost."""

    def submit_elsewhere(
        self, avoided: Collection[str], fn: Callable[..., Any], /, *args: Any
    ) -> Future[Any] | None:
        """Run a function on a worker that isn't to be avoided; `None` if there's none."""

    def newly_lost(self) -> list[str]:
        """Names of workers that have gone since this was asked last."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    """An attempt at a job.

    Attributes:
        number: The number of the job in the list.
        avoided: Workers that failed already.
    """

    number: int
    avoided: tuple[str, ...] = ()


def run_jobs(
    executor: Executor, jobs: Sequence[Job[Any]], note: Callable[[str], object] = lambda _text: None
) -> Iterator[tuple[int, JobReport]]:
    """The number of each job in a list, and its report, in the order in which they end.

    A job whose worker is lost is begun again by the scheduler, on another one, a few times.

    Args:
        executor: The executor.
        jobs: The jobs.
        note: Called with a sentence about each worker that is lost, and each job that is tried again.
    """
    waiting: dict[Future[Any], _Attempt] = {
        executor.submit(run_here, job): _Attempt(number) for number, job in enumerate(jobs)
    }
    while waiting:
        done, _ = wait(waiting, _LOOK, return_when=FIRST_COMPLETED)
        for worker in executor.newly_lost() if isinstance(executor, HasWorkers) else ():
            note(f"worker {worker} was lost: its jobs run elsewhere")
        for future in done:
            attempt, report = waiting.pop(future), _report(future)
            again = None if report.is_final else _again(executor, jobs[attempt.number], attempt, report)
            if again is None:
                yield attempt.number, report
                continue
            note(f"{jobs[attempt.number].title}: {report.problem}; it's tried on another worker")
            waiting[again] = _Attempt(attempt.number, (*attempt.avoided, report.worker))


def _again(executor: Executor, job: Job[Any], attempt: _Attempt, report: JobReport) -> Future[Any] | None:
    """Another attempt at a job; `None` if there were enough, or no other worker is there."""
    avoided = (*attempt.avoided, report.worker)
    if len(avoided) >= ATTEMPTS or not isinstance(executor, HasWorkers):
        return None
    return executor.submit_elsewhere(avoided, run_here, job)


def _report(future: Future[Any]) -> JobReport:
    """The report of a job that has ended, or one about its workers, if these were lost."""
    try:
        report: JobReport = future.result()
        return report
    except CancelledError:
        return JobReport(problem="the scheduler was lost, or gave the job up", hint="run it again")
    except Exception as error:
        if type(error).__name__ == "KilledWorker":
            return JobReport(problem="all workers that began it were lost", hint="they may lack memory")
        found = explained(error)
        return JobReport(problem=found.message, hint=found.hint)
