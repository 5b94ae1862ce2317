"""A program that carries out a step of a cascade in its main thread, where signals for commands arrive.

Threads of a worker start it: `python -m git_theta.git.cascade.step_program FILE`. The file has the job, and
gets the result, both in JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from git_theta.cascade.state import CascadeOptions
from git_theta.cascade.state_text import parse_step
from git_theta.git.cascade.step_job import StepJob, StepJobResult, run_job


def job_text(job: StepJob) -> str:
    """The text of a job."""
    return json.dumps({**asdict(job), "root": str(job.root)})


def parse_job(text: str) -> StepJob:
    """The job that a text stands for; see `parse_step` for errors."""
    table = json.loads(text)
    return StepJob(
        Path(table["root"]),
        table["tree_id"],
        parse_step(table["running"]),
        CascadeOptions(**table["options"]),
    )


def result_text(result: StepJobResult) -> str:
    """The text of a result."""
    return json.dumps(asdict(result))


def parse_result(text: str) -> StepJobResult:
    """The result that a text stands for; see `parse_step` for errors."""
    table: dict[str, Any] = json.loads(text)
    state = table["state"]
    return StepJobResult(None if state is None else parse_step(state), tuple(table["after"]))


def main(arguments: Sequence[str]) -> None:
    """Carry out the job of a file, and write the result in its place."""
    (name,) = arguments
    file = Path(name)
    file.write_text(result_text(run_job(parse_job(file.read_text()))))


if __name__ == "__main__":
    main(sys.argv[1:])
