"""Mixtures: averages and sums of models that another program made are stored as recipes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import msgpack
import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.clean import Cleaner
from git_theta.encoding.candidates import BaseCandidate
from git_theta.encoding.mixtures import mixtures
from git_theta.model.manifest import ObjectRef, Source
from git_theta.model.tensor import TensorSpec
from git_theta.store.local import LocalStore
from git_theta.updates.base import UnsuitableError
from git_theta.updates.program import Program
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.storing import clean, smudge
from tests.helpers.weights import base_of, joined

Array = NDArray[Any]

SPEC = TensorSpec("F32", (96, 128))
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)


def model(seed: int) -> Array:
    """A fine-tune of one model, or for 0 that model."""
    base = np.random.default_rng(0).standard_normal(SPEC.shape) * 0.05
    move = np.random.default_rng(seed).standard_normal(SPEC.shape) * (2e-4 if seed else 0)
    return (base + move).astype("<f4")


BASE, ONE, OTHER = model(0), model(1), model(2)


def candidates(*values: Array) -> list[BaseCandidate]:
    return [
        BaseCandidate(base_of(value.tobytes(), SPEC), Source("dense", ObjectRef(f"{at:064x}")))
        for at, value in enumerate(values)
    ]


def found(value: Array, *values: Array) -> list[BaseCandidate]:
    return list(mixtures(memoryview(value.astype("<f4").tobytes()), SPEC, candidates(*values)))


@pytest.mark.parametrize(
    "mix",
    [
        lambda: (ONE + OTHER) / 2,
        lambda: np.float32(0.7) * ONE + np.float32(0.3) * OTHER,
        lambda: BASE + np.float32(0.6) * ((ONE - BASE) + (OTHER - BASE)),
        lambda: (BASE + ONE + OTHER) / 3,
        lambda: np.float32(0.8) * ONE + np.float32(0.3) * OTHER,
        lambda: ONE + np.float32(1.5) * (ONE - BASE),
    ],
    ids=["average", "weighted", "task arithmetic", "of three", "not to one", "extrapolated"],
)
def test_sums_are_within_a_few_roundings(mix: Callable[[], Array]) -> None:
    value = mix()
    (candidate,) = found(value, ONE, BASE, OTHER)
    made = np.frombuffer(joined(candidate.base.read(SPEC.nbytes)), "<i4")
    steps = np.abs(made - value.astype("<f4").reshape(-1).view("<i4"))
    # Sums of numbers of both signs may be of another size than these.
    assert (steps <= 8).mean() > 0.97


def test_weights_become_the_simple_numbers_next_to_them() -> None:
    (candidate,) = found(np.float32(0.7) * ONE + np.float32(0.3) * OTHER, ONE, OTHER)
    assert not isinstance(candidate.source, Source)
    (payload,) = map(bytes, candidate.source.payload())
    steps = (("input", 0), ("number", 0.7), ("mul", 0, 1), ("input", 1), ("number", 0.3), ("mul", 3, 4))
    program = Program((*steps, ("add", 2, 5)))
    assert Program.parse(msgpack.unpackb(payload[4:])["program"]) == program


@pytest.mark.parametrize(
    ("value", "others"),
    [(model(3), (ONE, OTHER)), (ONE, (BASE, OTHER)), ((ONE + BASE) / 2, (OTHER,)), (ONE, (ONE, OTHER))],
    ids=["a fine-tune", "a sibling", "one base", "a base itself"],
)
def test_others_are_no_mixtures(value: Array, others: tuple[Array, ...]) -> None:
    assert found(value, *others) == []


def test_values_that_are_not_finite_are_left_alone() -> None:
    broken = ONE.copy()
    broken[0, 0] = np.inf
    assert found((ONE + OTHER) / 2, broken, OTHER) == []
    late = ONE.copy()
    late[-1, -1] = np.nan
    # The sample ends with the last element, so a value is needed that's longer than the part it's from.
    spec = TensorSpec("F32", (4096, 128))
    long = [np.tile(each, (43, 1))[:4096].copy() for each in (ONE, OTHER)]
    value = ((long[0] + long[1]) / 2).tobytes()
    long[0][-1, -1] = np.nan
    given = [
        BaseCandidate(base_of(each.tobytes(), spec), Source("dense", ObjectRef(f"{at:064x}")))
        for at, each in enumerate(long)
    ]
    (candidate,) = mixtures(memoryview(value), spec, given)
    with pytest.raises(UnsuitableError):
        joined(candidate.base.read(spec.nbytes))


@pytest.mark.parametrize(("dtype", "most"), [("<f4", 0.05), (BFLOAT16, 0.05)])
def test_a_merged_model_costs_its_roundings(dtype: Any, most: float, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "theta")
    models = [each.astype(dtype) for each in (BASE, ONE, OTHER)]
    manifests = [clean(store, safetensors_bytes({"w": each})) for each in models]
    wide = [each.astype("<f4") for each in models]
    merged = (wide[0] + np.float32(0.4) * ((wide[1] - wide[0]) + (wide[2] - wide[0]))).astype(dtype)
    data = safetensors_bytes({"w": merged})
    manifest = Cleaner(store, candidates=lambda: manifests).clean(memoryview(data)).manifest
    assert smudge(store, manifest) == data
    known = {oid for each in manifests for oid in each.oids()}
    new = sum(store.size(oid) or 0 for oid in set(manifest.oids()) - known)
    assert new < most * merged.nbytes + 300
    assert "recipe(" in str(
        manifest.to_text() if hasattr(manifest, "to_text") else manifest.entries[0].source
    )


def half(value: Array, dtype: Any) -> Array:
    return value.astype("<f4").astype(dtype)


@pytest.mark.parametrize("dtype", [BFLOAT16, np.dtype("<f2")])
@pytest.mark.parametrize(
    "merge",
    [
        lambda r, a, b, c: r(r(b * np.float32(0.7)) + r(c * np.float32(0.3))),
        lambda r, a, b, c: r(r(r(a + b) + c) / np.float32(3)),
        lambda r, a, b, c: r(r(a + r(r(b - a) / 2)) + r(r(c - a) / 2)),
    ],
    ids=["weighted", "average", "added to the base"],
)
def test_a_model_merged_step_by_step_costs_its_recipe(
    merge: Callable[..., Array], dtype: Any, tmp_path: Path
) -> None:
    store = LocalStore(tmp_path / "theta")
    models = [half(each, dtype) for each in (BASE, ONE, OTHER)]
    manifests = [clean(store, safetensors_bytes({"w": each})) for each in models]

    def rounded(value: Array) -> Array:
        return half(value, dtype).astype("<f4")

    merged = merge(rounded, *(each.astype("<f4") for each in models)).astype(dtype)
    data = safetensors_bytes({"w": merged})
    manifest = Cleaner(store, candidates=lambda: manifests).clean(memoryview(data)).manifest
    assert smudge(store, manifest) == data
    known = {oid for each in manifests for oid in each.oids()}
    new = sum(store.size(oid) or 0 for oid in set(manifest.oids()) - known)
    assert new < 0.01 * merged.nbytes + 400
