"""Executors for lists of independent jobs: threads here, or a cluster."""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor

from git_theta.errors import UsageError

#: The beginning of the address of a scheduler of Dask.
_DASK = "dask:"


def check_address(address: str) -> None:
    """Check the form of an executor's address.

    Raises:
        UsageError: It isn't known.
    """
    if address and (not address.startswith(_DASK) or address == _DASK):
        raise UsageError(f"{address!r} isn't an executor", "such as dask:tcp://host:8786, or none")


def open_executor(jobs: int, address: str = "") -> Executor:
    """An executor, to be used as a context manager.

    Jobs run programs, or code that releases the interpreter's lock: threads are enough here.

    Args:
        jobs: Jobs at once, here. A cluster runs as many as its workers have threads.
        address: `dask:` and the address of a scheduler; empty for threads of this process.

    Raises:
        UsageError: The address isn't known, or the library for it isn't installed.
        ClusterError: The cluster can't be used.
    """
    check_address(address)
    if not address:
        return ThreadPoolExecutor(max(1, jobs))
    from git_theta.jobs.dask_executor import DaskExecutor

    return DaskExecutor(address.removeprefix(_DASK))
