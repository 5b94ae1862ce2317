"""An executor on a cluster of Dask."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from concurrent.futures import Executor, Future
from contextlib import suppress
from importlib import import_module
from logging import CRITICAL, getLogger, root
from threading import Lock
from typing import Any, ParamSpec, TypeVar

from git_theta.errors import ThetaError, UsageError
from git_theta.version import __version__

P = ParamSpec("P")
T = TypeVar("T")

#: The setting of Dask with the time that a scheduler, or the first worker, has to answer.
_PATIENCE = "distributed.comm.timeouts.connect"

#: Seconds between two questions about the workers that are there.
_LOOK = 1.0

#: Seconds for closing a connection.
_CLOSING = 10


class ClusterError(ThetaError):
    """The cluster can't be used."""


class DaskExecutor(Executor):
    """Runs functions on the workers of a scheduler.

    Args:
        address: The scheduler's address, such as `tcp://host:8786`.

    Raises:
        UsageError: The library isn't installed.
        ClusterError: No scheduler answers, it has no worker, or workers have another version of git-theta.
    """

    def __init__(self, address: str) -> None:
        try:
            distributed: Any = import_module("distributed")
        except ImportError as error:
            raise UsageError("distributed isn't installed", "pip install 'git-theta[dask]'") from error
        _silence()
        self.address = address
        try:
            self._client = distributed.Client(address, set_as_default=False)
        except (OSError, ValueError, TypeError, AssertionError) as error:
            raise ClusterError(
                f"no scheduler of Dask answers at {address}", "start one: dask scheduler"
            ) from error
        self._waiting: dict[Future[Any], Any] = {}
        self._bound: dict[Future[Any], frozenset[str]] = {}
        self._lock = Lock()
        self._there: set[str] = set()
        self._asked = -_LOOK
        self._asking = Lock()
        try:
            self._known = self._workers_at_start()
        except BaseException:
            self._client.close()
            raise

    def _workers_at_start(self) -> set[str]:
        try:
            dask: Any = import_module("dask")
            self._client.wait_for_workers(1, timeout=dask.config.get(_PATIENCE))
        except TimeoutError as error:
            hint = f"start some: dask worker {self.address}"
            raise ClusterError(f"the scheduler at {self.address} has no workers", hint) from error
        try:
            versions = self._client.run(installed_version)
        except Exception as error:
            # An error of importing on a worker, of whatever class it comes back as.
            raise ClusterError(
                f"git-theta can't be imported on all workers: {error}", "pip install git-theta there"
            ) from error
        others = {worker: found for worker, found in versions.items() if found != __version__}
        for worker, found in others.items():
            raise ClusterError(
                f"worker {worker} has git-theta {found}, and this is {__version__}",
                "install the same version everywhere",
            )
        return set(versions)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run a function on any worker."""
        return self._submitted(None, fn, *args, **kwargs)

    def submit_elsewhere(
        self, avoided: Collection[str], fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[T] | None:
        """Run a function on a worker that isn't to be avoided; `None` if there's none.

        Args:
            avoided: Addresses of workers.
            fn: The function.
            args: Its arguments.
            kwargs: Its arguments by name.
        """
        others = sorted(self._workers() - {*avoided})
        return self._submitted(others, fn, *args, **kwargs) if others else None

    def _submitted(
        self, workers: list[str] | None, fn: Callable[..., T], *args: Any, **kwargs: Any
    ) -> Future[T]:
        # Others could take it over if they were allowed to: they have nothing else to do, as they fail fast.
        where = {"workers": workers, "allow_other_workers": False} if workers else {}
        future: Future[T] = Future()
        with self._lock:
            task = self._client.submit(fn, *args, pure=False, **where, **kwargs)
            # Dask drops tasks that nobody refers to.
            self._waiting[future] = task
            if workers:
                self._bound[future] = frozenset(workers)
        task.add_done_callback(lambda ended: self._settle(future, ended))
        return future

    def _settle(self, future: Future[Any], task: Any) -> None:
        """Give a future the end of its task."""
        with self._lock:
            self._bound.pop(future, None)
            if self._waiting.pop(future, None) is None:
                return
        if task.cancelled():
            _cancel(future)
            return
        try:
            result = task.result()
        except Exception as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    def newly_lost(self) -> list[str]:
        """Addresses of workers that have gone since this was asked last.

        What may only run on workers that have gone is cancelled: Dask would wait for them.
        """
        now = self._workers()
        with self._lock:
            lost = sorted(self._known - now)
            self._known = now
            stranded = [future for future, workers in self._bound.items() if not workers & now]
            tasks = [self._waiting.pop(future, None) for future in stranded]
            for future in stranded:
                del self._bound[future]
        self._client.cancel([task for task in tasks if task is not None])
        for future in stranded:
            _cancel(future)
        return lost

    def _workers(self) -> set[str]:
        """Addresses of the workers; the scheduler is asked once a second at most."""
        with self._asking:
            if time.monotonic() - self._asked > _LOOK:
                # While the connection is lost, there's no answer; futures end if it stays lost.
                with suppress(OSError, ValueError, TimeoutError):
                    self._there = set(self._client.nthreads())
                self._asked = time.monotonic()
            return self._there

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Cancel what hasn't ended, and close the connection. Workers end the programs of cancelled jobs."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for future in waiting:
            _cancel(future)
        self._client.close(timeout=_CLOSING)


def _silence() -> None:
    """Turn off what Dask logs of connections: what users need to know are errors of ours."""
    for name in ("distributed", *root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":
            getLogger(name).setLevel(CRITICAL)


def _cancel(future: Future[Any]) -> None:
    """Cancel a future, and wake who waits for it."""
    if future.cancel():
        future.set_running_or_notify_cancel()


def installed_version() -> str:
    """The version of git-theta where this runs."""
    return __version__
