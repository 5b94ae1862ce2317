"""Jobs and results of steps as texts."""

from __future__ import annotations

from pathlib import Path

from git_theta.cascade.plan import COMMAND, CascadeStep
from git_theta.cascade.state import MADE, CascadeOptions, MetricChange, StepState
from git_theta.git.cascade.step_job import StepJob, StepJobResult
from git_theta.git.cascade.step_program import job_text, parse_job, parse_result, result_text

STEP = CascadeStep(("a.pt", "b.pt"), COMMAND, ("base.pt",), changed=("base.pt",))
STATE = StepState(
    STEP,
    MADE,
    seconds=1.5,
    tests={"a.pt": (MetricChange("t", 0.5, None, "worse"),)},
    before=("100644 1 0\ta.pt", "absent\tb\udcff.pt"),
    made={"a.pt": "blake3:1"},
)


def test_jobs_and_results_come_back() -> None:
    job = StepJob(Path("/x"), "1" * 40, STATE, CascadeOptions(max_drop=0.1, executor="dask:x"))
    assert parse_job(job_text(job)) == job
    for result in (StepJobResult(None), StepJobResult(STATE, ("100644 2 0\ta.pt",))):
        assert parse_result(result_text(result)) == result
