"""The updates that a user can name, built in and from packages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from git_theta import updates
from git_theta.errors import PluginError, UsageError
from git_theta.sideload.given_update import BUILTIN_TYPES, side_loaded
from git_theta.updates.side_loaded import GivesValue, Lossy, StoredAsGiven
from tests.helpers import plugins
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.sideloading import made, sideloaded, stored

SCALED = """
import numpy as np
from git_theta.updates.base import Base, UnsuitableError, single_input
from git_theta.updates.payload import typed_header, unpack_typed


class Scaled:
    name = "scaled"
    parts = ("factor",)

    def check(self, given, name, spec):
        given["factor"].check_shape((), name, spec)

    def encode_given(self, given, spec, base, value):
        if value is not None:
            raise UnsuitableError
        yield typed_header(self.name, spec, factor=float(given["factor"].numbers()))

    def decode(self, payload, inputs, nbytes):
        spec, header, _ = unpack_typed(self.name, payload, nbytes)
        for chunk in Base(spec, single_input(inputs, self.name)).chunks(4096):
            yield (np.frombuffer(chunk, "<f4") * np.float32(header["factor"])).data.cast("B")
"""

BASE = {"w": np.random.default_rng(0).standard_normal((40, 50)).astype("f4"), "b": np.ones(3, "f4")}


def test_every_built_in_update_that_can_be_side_loaded_is_named() -> None:
    built_in = (update for update in updates.registry() if updates.registry().origin(update.name).builtin)
    kinds = StoredAsGiven | GivesValue | Lossy
    assert {update.name for update in built_in if isinstance(update, kinds)} == {*BUILTIN_TYPES}


@pytest.mark.parametrize("name", ["delta", "rows", "recipe"])
def test_an_update_that_cannot_be_side_loaded(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name!r} can't be side-loaded\nhint: types: low-rank, sparse"):
        side_loaded(name)


def test_an_unknown_update() -> None:
    with pytest.raises(PluginError, match="no update called 'nonesuch'"):
        side_loaded("nonesuch")


def test_a_plugin_takes_tensors_of_its_own(tmp_path: Path) -> None:
    plugins.install(tmp_path / "packages", "scaled", {"git_theta.updates:scaled": "Scaled"}, SCALED)
    data = tmp_path / "updates.safetensors"
    data.write_bytes(safetensors_bytes({"w/factor": np.array(0.5, "f4")}))
    with plugins.importable(tmp_path / "packages"):
        found = sideloaded(BASE, data, "scaled", tmp_path)
        assert found.keys() == {"w"}
        assert np.array_equal(found["w"], BASE["w"] * np.float32(0.5))
        manifest, store = stored(BASE, tmp_path)
        (entry,) = made(manifest, store, data, "scaled").values()
        assert (entry.source.update, entry.source.inputs) == ("scaled", (manifest.by_name["w"].source,))
        data.write_bytes(safetensors_bytes({"w/factor": np.ones(2, "f4")}))
        with pytest.raises(UsageError, match=r"shape \[2\], which doesn't fit parameter 'w'"):
            made(manifest, store, data, "scaled")
        data.write_bytes(safetensors_bytes({"w/R": np.ones(2, "f4")}))
        with pytest.raises(UsageError, match=r"which a scaled update doesn't know\nhint: .*NAME/factor"):
            made(manifest, store, data, "scaled")
