"""Keras archives: tensors of the weights, values of the configuration, and files that are damaged."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from git_theta import formats, testing
from git_theta.formats.keras.plugin import Keras
from git_theta.formats.split import OPAQUE, split
from git_theta.model.tensor import TensorSpec
from tests.helpers.composing import opened
from tests.helpers.keras_files import WEIGHTS, kept, keras_bytes, members


def test_contract() -> None:
    testing.check_format(Keras(), [kept(), keras_bytes(more={"assets/words.txt": b"a b"})])


def test_tensors_have_the_names_of_a_file_of_weights() -> None:
    whole, alone = opened(kept()), opened(members()[WEIGHTS])
    assert (whole.format, alone.format) == ("keras", "hdf5")
    assert whole.values == alone.values
    specs = {name: spec for name, (spec, _) in whole.values.items()}
    assert specs == {
        "layers/dense/vars/0": TensorSpec("F32", (8, 5)),
        "layers/dense/vars/1": TensorSpec("F32", (5,)),
        "layers/dense_1/vars/0": TensorSpec("F32", (5, 3)),
        "layers/dense_1/vars/1": TensorSpec("F32", (3,)),
    }


def test_checksums_of_the_weights_are_computed() -> None:
    layout = opened(kept()).version.layout
    weights = members()[WEIGHTS]
    assert {checksum.ranges for checksum in layout.checksums} == {((kept().index(weights), len(weights)),)}


def test_values_of_the_configuration() -> None:
    data = keras_bytes({"shared": [{"shared_object_id": 140279447355984}, {"shared_object_id": 7}]})
    texts = dict(Keras().scalars(memoryview(data)))
    assert texts["metadata.json/keras_version"] == '"3.15.1"'
    assert texts["config.json/config/layers/1/config/units"] == "5"
    assert texts["config.json/shared/0/shared_object_id"] == "0"
    assert texts["config.json/shared/1/shared_object_id"] == "1"
    assert texts["layers/dense/vars/@name"] == "'a'"


def test_weights_in_numpys_format() -> None:
    held = io.BytesIO()
    np.savez(held, w=np.ones((2, 3), "f4"))
    data = _zipped({"config.json": b"{}", "model.weights.npz": held.getvalue()})
    found = opened(data)
    assert (found.format, set(found.values), len(found.version.layout.checksums)) == ("keras", {"w"}, 4)


def _zipped(parts: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return held.getvalue()


HOSTILE = {
    "compressed": (keras_bytes(method=zipfile.ZIP_DEFLATED), "is compressed"),
    "damaged weights": (_zipped({WEIGHTS: b"no HDF5"}), "superblock"),
    "cut weights": (_zipped({WEIGHTS: members()[WEIGHTS][:-9]}), "cut off"),
    "weights twice": (_zipped({WEIGHTS: b"", "model.weights.npz": b""}), "weights once"),
    "weights elsewhere": (_zipped({"folder/model.weights.h5": b""}), "weights once"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_archives_are_kept_whole(case: str) -> None:
    data, message = HOSTILE[case]
    parts = split(memoryview(data), formats.registry())
    assert (parts.format, message in parts.note) == (OPAQUE, True)


def test_a_configuration_that_is_no_json_has_no_values() -> None:
    data = _zipped({"config.json": b"[" * 100_000, WEIGHTS: members()[WEIGHTS]})
    assert opened(data).format == "keras"
    with pytest.raises(Exception, match="isn't valid JSON"):
        list(Keras().scalars(memoryview(data)))


def test_other_archives_are_none() -> None:
    assert not Keras().matches(memoryview(_zipped({"config.json": b"{}"})))
    assert not Keras().matches(memoryview(b"PK\x03\x04"))
