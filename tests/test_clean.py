"""Clean: what it takes besides what it gives, which is looked at wherever files are stored."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from git_theta.clean import Cleaner
from git_theta.errors import ValueChangedError
from git_theta.model.manifest import Manifest, Source
from git_theta.store import pack_buffer
from git_theta.store.local import LocalStore
from tests.helpers import plugins
from tests.helpers.checkpoints import safetensors_bytes


def cleaned(root: Path, data: bytes) -> Manifest:
    return Cleaner(LocalStore(root)).clean(memoryview(data)).manifest


def test_memory_does_not_grow_with_many_small_tensors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    data = safetensors_bytes(
        {f"layer.{n}": random.standard_normal((256, 512)).astype("f4") for n in range(60)}
    )
    in_memory = cleaned(tmp_path / "memory", data)
    monkeypatch.setattr(pack_buffer, "_IN_MEMORY", 1 << 20)
    tracemalloc.start()
    in_file = cleaned(tmp_path / "file", data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert in_file == in_memory
    assert peak < len(data) // 3


FAILING = """
class Failing:
    name = "failing"

    def estimate(self, sample):
        {estimate}

    def encode(self, value, spec, base):
        yield b"beginning"
        raise RuntimeError("no GPU")

    def decode(self, payload, inputs, nbytes):
        yield b""
"""


@pytest.mark.parametrize("estimate", ["return 0.001", "raise RuntimeError('no GPU')"])
def test_an_update_that_raises_is_left_out_with_a_note(tmp_path: Path, estimate: str) -> None:
    packages, points = tmp_path / "packages", {"git_theta.updates:failing": "Failing"}
    plugins.install(packages, "gpu-updates", points, FAILING.format(estimate=estimate))
    weight = np.random.default_rng(0).standard_normal((64, 64)).astype("f4")
    cleaner = Cleaner(LocalStore(tmp_path / "store"), updates=("failing", "delta"))
    with plugins.importable(packages):
        before = cleaner.clean(memoryview(safetensors_bytes({"w": weight})))
        after = cleaner.clean(
            memoryview(safetensors_bytes({"w": weight + np.float32(1e-6)})), [before.manifest]
        )
    assert before.note == ""
    assert after.note == (
        "stored without an update: the update 'failing' of gpu-updates 1.0 fails: RuntimeError: no GPU"
    )
    assert after.manifest.entries[0].source.update == "delta"


FINDS_IT_STORED = """
import sys
from pathlib import Path
from git_theta.clean import Cleaner
from git_theta.model.manifest_text import parse_manifest
from git_theta.sketches.search import SketchSearch
from git_theta.store.local import LocalStore
from git_theta.store.sketch_cache import SketchCache

root = Path(sys.argv[1])
before = parse_manifest((root / "manifest").read_bytes())
cleaner = Cleaner(LocalStore(root / "store"), search=SketchSearch(SketchCache(root / "sketches")))
after = cleaner.clean(memoryview((root / "file").read_bytes()), [before])
print(after.manifest == before, "numpy" in sys.modules)
"""


def test_a_file_that_is_stored_is_recognised_without_numpy(tmp_path: Path) -> None:
    """`git status` reads a file whose times changed, and loading numpy takes longer than all else."""
    weight = np.random.default_rng(0).standard_normal((96, 128)).astype("f4")
    arrays = {"a": weight, "b": weight + np.float32(1e-6), "c": weight[:1], "d": weight[:12]}
    data = safetensors_bytes(arrays)
    (tmp_path / "file").write_bytes(data)
    (tmp_path / "manifest").write_bytes(cleaned(tmp_path / "store", data).to_bytes())
    run = subprocess.run(
        [sys.executable, "-c", FINDS_IT_STORED, tmp_path], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["True", "False"]


def test_a_value_that_changes_while_it_is_stored_is_refused(tmp_path: Path) -> None:
    """The file's times needn't tell, if another program writes through a map."""
    data = bytearray(safetensors_bytes({"a": np.zeros(1000, "f4")}))

    def change(_digests: Iterable[str]) -> dict[str, Source]:
        data[-1] ^= 1
        return {}

    with pytest.raises(ValueChangedError, match="written to while 'a' was stored"):
        Cleaner(LocalStore(tmp_path), known=change).clean(memoryview(data))
