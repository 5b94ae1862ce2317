"""Jobs that test models, run in a thread here."""

from __future__ import annotations

import pickle
import sys
from dataclasses import replace
from pathlib import Path
from threading import Timer

import pytest

from git_theta.evaluation.model_test import ModelTest
from git_theta.git.jobs.evaluation_job import EvaluationJob
from git_theta.git.jobs.remote_source import RemoteSource
from git_theta.git.jobs.sampling_job import SamplingJob
from git_theta.jobs.job import JobPlace, WorkerError
from tests.helpers.lineage_models import BASE, SST, weights
from tests.helpers.repo import Repo

_SCRIPT = b"""
import sys, time
time.sleep(float(sys.argv[2]))
print(len(open(sys.argv[1], "rb").read()))
"""


@pytest.fixture
def job(repo: Repo) -> EvaluationJob:
    """A test of a model that has no object here: the script is from a later commit than the model."""
    repo.write(BASE, weights())
    repo.write(SST, weights(3))
    models = repo.commit("models")
    repo.write(
        "eval.py",
        b"import sys, time; time.sleep(float(sys.argv[2])); print(len(open(sys.argv[1], 'rb').read()))\n",
    )
    scripts = repo.commit("script")
    command = (sys.executable, "eval.py", "{model}", "0")
    return EvaluationJob(
        RemoteSource(str(repo.path)), scripts, ModelTest("size", command, metric=r"regex:(\d+)"), SST, models
    )


def test_a_result_that_lasts(job: EvaluationJob, tmp_path: Path) -> None:
    place = JobPlace("here", tmp_path)
    sent: EvaluationJob = pickle.loads(pickle.dumps(job))
    result, is_lasting = sent.run(place)
    assert (result.value, result.ok, is_lasting) == (len(weights(3)), True, True)
    assert (result.model, result.rev) == (SST, job.rev)
    assert job.run(place)[0].is_cached
    assert not replace(job, again=True).run(place)[0].is_cached
    (model,) = SamplingJob(job.source, job.rev, SST).run(place)
    assert (model.name, model.model, len(model.entries)) == (SST, result.digest, 4)


def test_slow_commands_and_jobs_that_nobody_wants(job: EvaluationJob, tmp_path: Path) -> None:
    slow = replace(job.test, command=(*job.test.command[:-1], "60"))
    with pytest.raises(WorkerError, match=r"it took longer than 0\.5 seconds") as raised:
        replace(job, test=replace(slow, timeout=0.5)).run(JobPlace("here", tmp_path))
    result, is_lasting = raised.value.result
    assert not result.ok
    assert not is_lasting
    wanted = [True]
    timer = Timer(0.5, wanted.clear)
    timer.start()
    with pytest.raises(InterruptedError):
        replace(job, test=slow).run(JobPlace("here", tmp_path, lambda: bool(wanted)))
    timer.join()
