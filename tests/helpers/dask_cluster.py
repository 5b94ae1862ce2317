"""A real cluster of Dask on loopback: a scheduler, and workers with folders of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

#: Seconds that a process of the cluster may take to start.
_PATIENCE = 60


class DaskCluster:
    """A scheduler with workers, in processes.

    Args:
        folder: An empty folder for all that they write.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = folder / "scheduler.json"
        self._scheduler = self._start(
            "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--dashboard-address", ":0"
        )
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        end = time.monotonic() + _PATIENCE
        while not self._file.exists() or not self._file.read_text():
            assert time.monotonic() < end
            time.sleep(0.05)

    @property
    def address(self) -> str:
        """The executor's address."""
        return f"dask:{json.loads(self._file.read_text())['address']}"

    def add_worker(self, name: str, env: Mapping[str, str] | None = None) -> None:
        """Start a worker of one thread, whose folder has its name."""
        words = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--name", name)
        self.workers[name] = self._start(
            "dask_worker", *words, "--local-directory", str(self.folder / name), env=env
        )

    def clones(self, name: str) -> list[Path]:
        """The clones that a worker has made."""
        return sorted((self.folder / name).glob("dask-scratch-space/*/*/repository.git"))

    def kill(self, name: str) -> None:
        """End a worker as a crash does."""
        process = self.workers.pop(name)
        process.kill()
        process.wait()

    def kill_scheduler(self) -> None:
        """End the scheduler as a crash does."""
        self._scheduler.kill()
        self._scheduler.wait()

    def stop(self) -> None:
        """End all processes."""
        for process in (*self.workers.values(), self._scheduler):
            process.kill()
            process.wait()

    def _start(
        self, module: str, *words: str, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            f"distributed.cli.{module}",
            "--scheduler-file",
            str(self._file),
            *words,
        ]
        log = self.folder / "log"
        with open(log, "ab") as out:
            return subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **(env or {})})


@contextmanager
def dask_cluster(folder: Path) -> Iterator[DaskCluster]:
    """A cluster without workers; ended afterwards."""
    pytest.importorskip("distributed")
    folder.mkdir()
    cluster = DaskCluster(folder)
    try:
        yield cluster
    finally:
        with suppress(ProcessLookupError):
            cluster.stop()
