"""Ten versions in a row of models of many small tensors, all of which change each time; and their merge."""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import weights
from benchmarks.rows import Row
from benchmarks.steps import MODEL, begin, expect, in_turn, remove, row, sha256

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.sandbox import Repository
    from benchmarks.steps import Plan

_VERSIONS = 10

#: Expansion, channels, repetitions and size of the kernel of the stages of EfficientNet-B0.
_STAGES = (
    (1, 16, 1, 3),
    (6, 24, 2, 3),
    (6, 40, 2, 5),
    (6, 80, 3, 3),
    (6, 112, 3, 5),
    (6, 192, 4, 5),
    (6, 320, 1, 3),
)

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class SmallTensors:
    """A model of many small tensors, and what its versions may cost.

    Attributes:
        label: The model in words.
        shapes: Names and shapes of its tensors.
        first: Most seconds of the first `git add`.
        later: Most seconds of any later one.
        checkout: Most seconds of a checkout.
        merge: Most seconds of a merge in which all tensors changed on both sides; `None` for no merge.
        as_lfs: Whether an add may take as long as that of Git LFS, and no longer.
    """

    label: str
    shapes: Mapping[str, tuple[int, ...]]
    first: float | None = None
    later: float | None = None
    checkout: float | None = None
    merge: float | None = None
    as_lfs: bool = False


def series(plan: Plan) -> Iterator[Row]:
    """Ten versions in a row, of many small tensors: each add, the checkout of the last, a merge."""
    models = (
        SmallTensors("50,000 tensors of 256 B", _vectors(50_000, 64), 3, 8, 4, 12),
        SmallTensors("20,000 tensors of 256 B", _vectors(20_000, 64), merge=6),
        SmallTensors("3,000 tensors of 4 KB", _vectors(3_000, 1024)),
        SmallTensors("30,000 tensors of 64 B", _vectors(30_000, 16)),
        SmallTensors("49 MB of convolutions with Adam's state", _with_adam(_efficient_net()), as_lfs=True),
    )
    for model in models:
        yield from _versions(plan, model)


def _versions(plan: Plan, model: SmallTensors) -> Iterator[Row]:
    source = plan.folder / "small.safetensors"
    weights.write(source, model.shapes)
    adds: dict[str, list[list[float]]] = defaultdict(list)
    checkouts: dict[str, list[float]] = defaultdict(list)
    repositories = begin(plan, "series")
    shares: list[float] = []
    for repository in repositories.values():
        shutil.copyfile(source, repository.path / MODEL)
    for version in range(_VERSIONS):
        for name, repository in in_turn(repositories, version):
            if version:
                weights.tune(repository.path / MODEL, seed=version)
            adds[name].append([repository.timed("add", MODEL)])
            repository.commit()
            if name == "theta" and not version:
                shares.append(repository.stored_bytes() / source.stat().st_size)
    for name, repository in repositories.items():
        digest = sha256(repository.path / MODEL)
        (repository.path / MODEL).unlink()
        checkouts[name].append(repository.timed("checkout", "--", MODEL))
        expect(repository, digest)
    first = {name: samples[0] for name, samples in adds.items()}
    later = {name: [max(one for (one,) in samples[1:])] for name, samples in adds.items()}
    for verb, samples, limit in (
        ("first git add", first, model.first),
        ("slowest later add", later, model.later),
    ):
        most = 1.0 if model.as_lfs else limit
        yield row(f"{verb}, {model.label}", "s", samples, limit=most, relative=model.as_lfs)
    yield row(f"git checkout, {model.label}", "s", checkouts, limit=model.checkout)
    yield Row(f"stored of the first version, {model.label}", "of file", tuple(shares), limit=1.2)
    if model.merge is not None and "theta" in repositories:
        yield Row(f"git merge, {model.label}", "s", (_merge(repositories["theta"]),), limit=model.merge)
    remove(repositories)


def _merge(repository: Repository) -> float:
    """Seconds of a merge by average in which all tensors changed on both sides."""
    repository.git("branch", "side")
    for seed, branch in enumerate(("main", "side"), 100):
        repository.git("checkout", "--quiet", branch)
        weights.tune(repository.path / MODEL, seed=seed)
        os.sync()
        repository.git("add", MODEL)
        repository.commit()
    repository.git("checkout", "--quiet", "main")
    repository.settle()
    return repository.timed("merge", "--quiet", "--message", "merge", "side")


def _vectors(count: int, size: int) -> Shapes:
    return {f"block.{index // 100}.layer.{index}.bias": (size,) for index in range(count)}


def _with_adam(shapes: Shapes) -> Shapes:
    """A model's tensors and the two averages that Adam keeps for each."""
    states = ("model", "optimizer.exp_avg", "optimizer.exp_avg_sq")
    return {f"{state}.{name}": shape for state in states for name, shape in shapes.items()}


def _efficient_net() -> Shapes:
    """Names and shapes of EfficientNet-B0 without its classifier: 4 million elements in 309 tensors."""
    shapes: Shapes = {}

    def convolution(name: str, *shape: int) -> None:
        shapes[f"{name}.weight"] = shape
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.norm.{part}"] = (shape[0],)

    convolution("stem", 32, 3, 3, 3)
    channels = 32
    for stage, (expansion, out, repetitions, kernel) in enumerate(_STAGES):
        for block in range(repetitions):
            name, wide = f"features.{stage}.{block}", channels * expansion
            if expansion > 1:
                convolution(f"{name}.expand", wide, channels, 1, 1)
            convolution(f"{name}.depthwise", wide, 1, kernel, kernel)
            squeezed = max(1, channels // 4)
            shapes |= {f"{name}.reduce.weight": (squeezed, wide, 1, 1), f"{name}.reduce.bias": (squeezed,)}
            shapes |= {f"{name}.excite.weight": (wide, squeezed, 1, 1), f"{name}.excite.bias": (wide,)}
            convolution(f"{name}.project", out, wide, 1, 1)
            channels = out
    convolution("head", 1280, channels, 1, 1)
    return shapes
