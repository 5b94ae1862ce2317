"""The function that runs a job, in a thread of this process or in one of a worker of Dask."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from git_theta.errors import UsageError, explained
from git_theta.jobs.job import Job, JobPlace, JobReport, WorkerError

#: The variable that names a folder for clones, for all workers of a machine; else each worker has its own.
FOLDER_VARIABLE = "GIT_THETA_JOBS_FOLDER"


def run_here(job: Job[Any]) -> JobReport:
    """Run a job, and report its end; errors are part of the report, as not all of them can be pickled."""
    place = _place()
    try:
        return JobReport(job.run(place), worker=place.worker)
    except Exception as error:
        found = explained(error)
        is_final = isinstance(error, UsageError)
        result = error.result if isinstance(error, WorkerError) else None
        return JobReport(result, found.message, found.hint, place.worker, is_final, found.exit_code)


def _place() -> JobPlace:
    """The place of the current thread: that of the worker of Dask that it belongs to, if any."""
    worker = _dask_worker()
    name = str(worker.address) if worker else ""
    own = worker.local_directory if worker else os.path.join(tempfile.gettempdir(), "git-theta-jobs")
    folder = Path(os.environ.get(FOLDER_VARIABLE) or own)
    return JobPlace(name, folder, _is_wanted(worker) if worker else lambda: True)


def _dask_worker() -> Any:
    distributed = sys.modules.get("distributed")
    try:
        return distributed.get_worker() if distributed else None
    except ValueError:
        return None


def _is_wanted(worker: Any) -> Callable[[], bool]:
    """Tells whether the current task of a worker is still to be run: a client may cancel it, or go away."""
    key = worker.get_current_task()

    def is_wanted() -> bool:
        task = worker.state.tasks.get(key)
        # A worker whose scheduler is lost closes.
        is_running = task is not None and task.state in ("executing", "long-running")
        return is_running and worker.status.name == "running"

    return is_wanted
