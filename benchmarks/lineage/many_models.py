"""Seconds of commands in repositories of many models: to add one and find its parent, and to look at all."""

from __future__ import annotations

import statistics
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.lineage.figure import Figure
from benchmarks.models import write_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.models import Model
    from benchmarks.sandbox import Home, Repository

#: Numbers of models at which one more is added.
_SIZES = (23, 92, 368, 736, 2000)

#: Models that are added at each size.
_SAMPLES = 3

#: Models of a family, tensors of a model, and versions of each.
_FAMILY, _TENSORS, _VERSIONS = 100, 100, 10

#: Targets: growth of an insertion's time; seconds and memory of an inference; seconds of a look.
_GROWTH, _INFER_SECONDS, _INFER_MEMORY, _SHOW_SECONDS = 2.0, 60.0, 1000.0, 1.0


class _Models:
    """Random models: families of a hundred fine-tunes, each of another one of its family.

    Args:
        tensors: The number of tensors of a model.
        side: Rows and columns of its matrices.
    """

    def __init__(self, tensors: int, side: int) -> None:
        self._random = np.random.default_rng(0)
        self._shapes = {
            f"layers.{at // 4}.{'abcd'[at % 4]}.weight": (side,) if at % 4 == 3 else (side, side)
            for at in range(tensors)
        }
        self._family: list[Model] = []
        self._parents: dict[str, str] = {}
        self._paths: list[str] = []
        self.count = 0

    def write(self, repository: Repository) -> str:
        """Write the next model; returns its path."""
        if self.count % _FAMILY == 0:
            self._family = []
        path = f"family-{self.count // _FAMILY:02}/model-{self.count:04}.safetensors"
        if self._family:
            at = int(self._random.integers(len(self._family)))
            self._parents[path] = self._paths[self.count - len(self._family) + at]
            model = {name: self._moved(value) for name, value in self._family[at].items()}
        else:
            model = {
                name: (0.05 * self._random.standard_normal(shape)).astype("f4")
                for name, shape in self._shapes.items()
            }
        self._family.append(model)
        self._paths.append(path)
        (repository.path / path).parent.mkdir(exist_ok=True)
        write_model(repository.path / path, model)
        self.count += 1
        return path

    def _moved(self, value: np.ndarray) -> np.ndarray:
        step = 0.02 * value.std() * self._random.standard_normal(value.shape)
        return (value + step).astype(value.dtype)

    def write_records(self, repository: Repository) -> None:
        """Write the record of every model that has a parent."""
        for path, parent in self._parents.items():
            record = repository.path / f".theta/lineage/{path}.toml"
            record.parent.mkdir(parents=True, exist_ok=True)
            record.write_text(f'relation = "finetune"\n\n[[parent]]\npath = "{parent}"\n')

    def fill(self, repository: Repository, count: int) -> None:
        """Commit models until there are so many, a family at a time."""
        while self.count < count:
            for _ in range(min(_FAMILY - self.count % _FAMILY, count - self.count)):
                self.write(repository)
            repository.git("add", "--all")
            repository.git("commit", "--quiet", "--message", "models")


def insertion_figures(home: Home, most: int) -> Iterator[Figure]:
    """Seconds to add a model of 25 tensors and to find its parent, as the repository grows.

    Args:
        home: Of git-theta.
        most: Larger sizes are left out.
    """
    repository, models = home.repository("insertion"), _Models(25, 64)
    busy = {}
    for size in _SIZES:
        if size > most:
            break
        models.fill(repository, size)
        samples = []
        for _ in range(_SAMPLES):
            path = models.write(repository)
            added = _measured(repository, "add", path)
            samples.append((added, _measured(repository, "theta", "lineage", "infer", path)))
        seconds = statistics.median(added.seconds + found.seconds for added, found in samples)
        busy[size] = statistics.median(added.busy + found.busy for added, found in samples)
        remark = f"{busy[size]:.2f} s of processors"
        yield Figure(f"add a model to {size}, find its parent", seconds, "s", remark=remark)
    growth = max(busy.values()) / busy[_SIZES[0]]
    yield Figure("growth of that, of processors", growth, "times", most=_GROWTH, remark="MGit: 5.1 times")
    repository.remove()


def many_figures(home: Home, count: int) -> Iterator[Figure]:
    """Seconds and memory of commands about models of a hundred tensors, in ten versions.

    Args:
        home: Of git-theta.
        count: The number of models.
    """
    repository, models = home.repository("many"), _Models(_TENSORS, 32)
    models.fill(repository, count)
    inferred = _measured(repository, "theta", "lineage", "infer", "--json")
    remark = f"{inferred.busy:.1f} s of processors"
    yield Figure(f"infer, {count} models", inferred.seconds, "s", most=_INFER_SECONDS, remark=remark)
    yield Figure(f"infer, {count} models, memory", inferred.memory, "MB", most=_INFER_MEMORY)
    models.write_records(repository)
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--message", "lineage")
    for version in range(1, _VERSIONS):
        _change_all(repository, version)
    for words in ((), ("--versions",)):
        repository.git("theta", "lineage", "show", *words)
        shown = _measured(repository, "theta", "lineage", "show", *words)
        remark = f"{shown.busy:.2f} s of processors"
        name = " ".join(("show", *words))
        yield Figure(
            f"{name}, {count} models of {_VERSIONS} versions",
            shown.seconds,
            "s",
            most=_SHOW_SECONDS,
            remark=remark,
        )
    repository.remove()


def _change_all(repository: Repository, version: int) -> None:
    """Commit a new version of every model, in which one of its numbers is another."""
    for path in sorted(repository.path.glob("family-*/*.safetensors")):
        with path.open("r+b") as file:
            file.seek(-4 * version, 2)
            file.write(np.float32(version).tobytes())
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--message", f"version {version}")


#: Runs a command; prints its seconds, those of processors, and its peak memory in kB.
_METER = (
    "import resource, subprocess, sys, time; start = time.perf_counter(); "
    "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True); "
    "usage = resource.getrusage(resource.RUSAGE_CHILDREN); "
    "print(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)"
)


@dataclass(frozen=True, slots=True)
class _Cost:
    """The cost of a command.

    Attributes:
        seconds: Seconds that it took.
        busy: Seconds for which processors worked on it, which hardly depend on what else a machine does.
        memory: The peak memory of its largest process, in MB.
    """

    seconds: float
    busy: float
    memory: float


def _measured(repository: Repository, *arguments: str) -> _Cost:
    """The cost of a git command."""
    told = repository.home.run(sys.executable, "-c", _METER, "git", *arguments, cwd=repository.path)
    seconds, busy, kilobytes = map(float, told.split())
    return _Cost(seconds, busy, kilobytes / 1e3)
