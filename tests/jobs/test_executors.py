"""Addresses of executors."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from git_theta.errors import UsageError
from git_theta.jobs.executors import open_executor


def test_threads_here() -> None:
    with open_executor(2) as executor:
        assert isinstance(executor, ThreadPoolExecutor)
        assert executor.submit(int, "3").result() == 3


@pytest.mark.parametrize("address", ["dask:", "tcp://host:1", "slurm:x"])
def test_other_addresses(address: str) -> None:
    with pytest.raises(UsageError, match="isn't an executor"):
        open_executor(1, address)


def test_a_library_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match="distributed isn't installed") as raised:
        open_executor(1, "dask:tcp://127.0.0.1:1")
    assert raised.value.hint == "pip install 'git-theta[dask]'"
