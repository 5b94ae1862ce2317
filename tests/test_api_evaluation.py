"""`git_theta.run_tests`."""

from __future__ import annotations

import pytest

import git_theta
from git_theta.errors import UsageError
from tests.helpers.lineage_models import BASE, SST, weights
from tests.helpers.repo import Repo


def test_results_are_those_of_the_command(repo: Repo) -> None:
    repo.write(BASE, weights())
    repo.write(SST, weights(1))
    repo.commit("models")
    add = ("test", "add", "size", "--all", "--metric", "regex:[0-9]+")
    repo.theta(*add, "--", "sh", "-c", "wc -c < {model}")
    found = git_theta.run_tests(repo.path)
    assert [(each.result.model, each.result.value) for each in found] == [
        (BASE, len(weights())),
        (SST, len(weights(1))),
    ]
    (one,) = git_theta.run_tests(str(repo.path), ["size"], ["sst2"], ["HEAD"], jobs=2)
    assert (one.state, one.result.is_cached, one.result.rev) == ("passed", True, "HEAD")
    with pytest.raises(UsageError, match="no test 'other'"):
        git_theta.run_tests(repo.path, ["other"])
