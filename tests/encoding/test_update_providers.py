"""A manifest says which packages have the updates that it needs, and only if it needs any."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.clean import Cleaner
from git_theta.encoding.update_providers import require_updates, with_providers
from git_theta.errors import PluginError
from git_theta.merging.execute import Merger
from git_theta.merging.rules import MergeRules
from git_theta.model.manifest import Entry, Manifest, ObjectRef, Source
from git_theta.model.manifest_text import parse_manifest
from git_theta.model.tensor import TensorSpec
from git_theta.smudge import Smudger
from git_theta.store.local import LocalStore
from tests.helpers import plugins
from tests.helpers.checkpoints import safetensors_bytes

NEGATED = """
import numpy as np
from git_theta.updates.base import Base, UnsuitableError, single_input
from git_theta.updates.payload import typed_header, unpack_typed


class Negated:
    name = "negated"

    def estimate(self, sample):
        return 0.0

    def encode(self, value, spec, base):
        if b"".join(self._pieces(base)) != bytes(value):
            raise UnsuitableError
        yield typed_header(self.name, spec)

    def decode(self, payload, inputs, nbytes):
        spec, _, _ = unpack_typed(self.name, payload, nbytes)
        yield from self._pieces(Base(spec, single_input(inputs, self.name)))

    def _pieces(self, base):
        return (np.negative(np.frombuffer(chunk, "<f4")).data.cast("B") for chunk in base.chunks(4096))
"""
RECORD = {"update-negated": "other-name 0.2"}
SPEC = TensorSpec("F32", (4,))
LAYOUT = Entry("layout", TensorSpec("U8", (0,)), "f" * 64, Source("dense", ObjectRef("0" * 64)))


def manifest(*updates: str, **header: str) -> Manifest:
    """A manifest with a parameter for each update; `update_x` stands for the header key `update-x`."""
    entries = tuple(
        Entry(str(index), SPEC, f"{index:064x}", Source(update, ObjectRef("1" * 64), (LAYOUT.source,)))
        for index, update in enumerate(updates)
    )
    extra = sorted((key.replace("_", "-"), value) for key, value in header.items())
    return Manifest("safetensors", 1, LAYOUT, entries, tuple(extra))


@pytest.fixture
def package(tmp_path: Path) -> Iterator[Path]:
    """A package with the update `negated`, as `other-name` 0.2."""
    folder = tmp_path / "packages"
    plugins.install(folder, "other-name", {"git_theta.updates:negated": "Negated"}, NEGATED, "0.2")
    with plugins.importable(folder):
        yield folder


def header(made: Manifest) -> dict[str, str]:
    return dict(made.extra)


def test_built_in_updates_have_no_record() -> None:
    made = manifest("delta", "sparse", "recipe", x_note="kept")
    assert with_providers(made) is made
    require_updates(made)


def test_an_installed_package_is_recorded(package: Path) -> None:
    made = with_providers(manifest("delta", "negated", x_note="kept"))
    assert header(made) == {"x-note": "kept", "update-negated": "other-name 0.2"}
    assert parse_manifest(made.to_bytes()) == made
    require_updates(made)


def test_records_of_earlier_manifests_are_kept_without_the_package() -> None:
    earlier = [manifest(), manifest("scaled", update_scaled="git-theta-scaled 0.1")]
    assert header(with_providers(manifest("scaled"), earlier)) == {"update-scaled": "git-theta-scaled 0.1"}
    assert header(with_providers(manifest("scaled"))) == {}


def test_the_newest_version_counts(package: Path) -> None:
    def merged(*values: str) -> str:
        sides = [manifest("negated", update_negated=value) for value in values]
        return header(with_providers(manifest("negated"), sides))["update-negated"]

    assert merged("other-name 0.1", "other-name 0.10", "other-name 0.9") == "other-name 0.10"
    assert merged("other-name 0.1") == "other-name 0.2"
    assert merged("fork 7.0") == "other-name 0.2"


def test_records_of_updates_that_are_gone_are_dropped() -> None:
    made = manifest("delta", update_scaled="git-theta-scaled 0.1", x_note="kept")
    assert header(with_providers(made)) == {"x-note": "kept"}
    require_updates(made)


@pytest.mark.parametrize("value", ["scaled", "-rf 1", "a b c", "https://x/y 1.0", "x ;rm", ""])
def test_a_record_that_names_no_package_is_ignored(value: str) -> None:
    made = manifest("scaled", update_scaled=value)
    require_updates(made)
    assert header(with_providers(made)) == {}


def test_a_missing_package_is_named() -> None:
    made = manifest("scaled", update_scaled="git-theta-scaled 0.1")
    expected = r"needs the update 'scaled' of git-theta-scaled 0\.1\nhint: .*: pip install git-theta-scaled$"
    with pytest.raises(PluginError, match=expected):
        require_updates(made)


def weights(seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(999).astype("f4")


def smudged(store: LocalStore, made: Manifest, path: Path) -> bytes:
    handle = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        Smudger(store).smudge(made, handle)
    finally:
        os.close(handle)
    return path.read_bytes()


def test_clean_merge_and_smudge(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "theta")
    base = {"a": weights(0), "b": weights(1)}
    changed = base | {"a": -base["a"]}

    def added(arrays: Mapping[str, NDArray[np.float32]], *previous: Manifest) -> Manifest:
        cleaner = Cleaner(store, updates=("negated",))
        return cleaner.clean(memoryview(safetensors_bytes(dict(arrays))), previous).manifest

    folder = tmp_path / "packages"
    plugins.install(folder, "other-name", {"git_theta.updates:negated": "Negated"}, NEGATED, "0.2")
    with plugins.importable(folder):
        first = added(base)
        ours = added(changed, first)
        theirs = added(base | {"b": base["b"] + 1}, first)
        assert [header(each) for each in (first, ours, theirs)] == [{}, RECORD, {}]
        assert header(added(base | {"a": weights(5)}, ours)) == {}
        assert smudged(store, ours, tmp_path / "out") == safetensors_bytes(changed)
    for sides in ((ours, theirs), (theirs, ours)):
        merged = Merger(store).merge(first, sides, MergeRules()).manifest
        assert merged is not None
        assert header(merged) == RECORD
    with pytest.raises(PluginError, match=r"needs the update 'negated' of other-name 0\.2"):
        smudged(store, ours, tmp_path / "out")
