"""Jobs, the workers that run them, and reports of what came of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from git_theta.errors import ThetaError

Result_co = TypeVar("Result_co", covariant=True)


class WorkerError(ThetaError):
    """A failure of one worker, such as a remote that it can't reach: another one may do better.

    Attributes:
        result: The result for the case that no other worker does; `None` if there's none.
    """

    def __init__(self, message: str, hint: str = "", result: Any = None) -> None:
        super().__init__(message, hint)
        self.result = result


@dataclass(frozen=True, slots=True)
class JobPlace:
    """The worker that runs a job, as the job sees it.

    Attributes:
        worker: The worker's name or address.
        folder: A folder where jobs may keep clones for later ones.
        is_wanted: Whether anybody still waits for the job; a job that isn't wanted ends its programs.
    """

    worker: str
    folder: Path
    is_wanted: Callable[[], bool] = field(default=lambda: True)


class Job(Protocol[Result_co]):
    """A description of some work that a worker can do by itself. Frozen, and picklable."""

    @property
    def title(self) -> str:
        """The job in messages, such as `accuracy of sst2/model.safetensors`."""

    def run(self, place: JobPlace) -> Result_co:
        """Do the work.

        Raises:
            WorkerError: The worker can't, or was too slow.
            ThetaError: The work can't be done.
        """


@dataclass(frozen=True, slots=True)
class JobReport:
    """The end of a job, as a worker reports it.

    Attributes:
        result: The result; `None` if there's none.
        problem: Why the job failed, in one sentence; empty if it didn't.
        hint: The next step for the user.
        worker: The worker's name or address; empty if it's not known.
        is_final: Whether no other worker would do better.
        exit_code: The exit code of the error.
    """

    result: Any = None
    problem: str = ""
    hint: str = ""
    worker: str = ""
    is_final: bool = True
    exit_code: int = 1

    @property
    def error(self) -> ThetaError:
        """The failure as an error."""
        error = ThetaError(self.problem, self.hint)
        error.exit_code = self.exit_code
        return error
