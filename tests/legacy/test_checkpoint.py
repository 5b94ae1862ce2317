"""Restoring what git-theta 0.2 stored, compared with what its checkouts gave."""

from __future__ import annotations

import hashlib
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from git_theta import formats, legacy
from git_theta.errors import CorruptError, MissingObjectError, ThetaError
from git_theta.formats.split import split
from git_theta.legacy import LegacyError
from git_theta.legacy.metadata import parse_metadata
from git_theta.model.strided import gather
from git_theta.model.tensor import numpy_dtype

pytest.importorskip("numcodecs", reason="the extra `migrate` isn't installed")

FIXTURES = Path(__file__).parent.parent / "fixtures" / "legacy02"
VERSIONS = {
    number: (commit, path.read_bytes())
    for path in sorted((FIXTURES / "model.pt").iterdir())
    for number, _, commit in [path.stem.partition("-")]
}


def get(oid: str) -> Path:
    return FIXTURES / "objects" / oid


def earlier(commit: str) -> bytes:
    return dict(VERSIONS.values())[commit]


def model(number: int) -> dict[str, np.ndarray[Any, Any]]:
    """Values that git-theta 0.2 checks out, by hand. Only 5 depends on the machine, in its last bits."""
    w = (np.arange(24, dtype="f4") / 8 - 1).reshape(6, 4)
    b = np.array([1, -2, 0.5, -0.0], "f4")
    bits = (np.arange(600, dtype="u4") * np.uint32(2654435761)) >> 9 | np.uint32(0x3F800000)
    noise = bits.view("f4").reshape(20, 30)[:, ::2]
    steps = np.arange(300).reshape(30, 10)
    if number >= 1:
        w[1, 2] += 0.25
        w[5, 0] -= 3
        steps[2, 0] = 9
    if number >= 2:
        w *= np.array([1, 2, 0.5, -1], "f4")
        b = b.astype("f8") * [2, 3, 0.1, 1]
    if number >= 3:
        w[0, 3] += 0.5
        w[5, 0] -= 4
        # The work tree still had this, and so the difference to it was stored. Its zero lost its sign.
        b = b + (np.array([1, -2, 0.5, 0.0]) - b)
    # A sum with zeros: every -0.0 becomes 0.0.
    w = w + np.float32(0) if number >= 1 else w
    if number >= 4:
        w = (np.arange(12, dtype="f4") - 5).reshape(6, 2) @ (np.arange(8, dtype="f4") / 4).reshape(2, 4) + w
    if number >= 5:
        w = w + np.outer(np.arange(6, dtype="f4"), np.array([0.1, 0.2, 0.3, 0.4], "f4"))
        b = b + 1
    rest = {"noise": noise, "steps": steps, "n": np.array(7), "empty": np.zeros((0, 3), "f4")}
    mask = {"mask": np.array([True, False, True])} if number < 5 else {}
    return {"w": w, "b": b, **rest, **mask}


def tensors(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """What's in a checkpoint."""
    data = memoryview(path.read_bytes())
    with ThreadPoolExecutor(1) as pool:
        parts = split(data, formats.registry(), pool)
    assert parts.format != "opaque", parts.note
    return {
        tensor.name: np.frombuffer(
            gather(data, tensor.spec, tensor.offset, tensor.strides, tensor.big_endian, lambda: -1),
            numpy_dtype(tensor.spec.dtype),
        ).reshape(tensor.spec.shape)
        for tensor in parts.tensors
    }


@pytest.mark.parametrize("number", range(6))
def test_values_are_those_of_a_checkout(number: int, tmp_path: Path) -> None:
    _, data = VERSIONS[str(number)]
    legacy.restore(data, get, tmp_path / "model.pt", earlier)
    found, expected = tensors(tmp_path / "model.pt"), model(number)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert (found[name].dtype, found[name].shape) == (value.dtype, value.shape), name
        if number == 5 and name in ("w", "b"):
            np.testing.assert_allclose(found[name], value, rtol=1e-6)
        else:
            assert found[name].tobytes() == value.tobytes(), name


def test_torch_reads_the_checkpoint(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    legacy.restore(VERSIONS["0"][1], get, tmp_path / "model.pt")
    loaded = torch.load(tmp_path / "model.pt", weights_only=True)
    assert list(loaded) == ["b", "empty", "mask", "n", "noise", "steps", "w"]
    for name, value in model(0).items():
        assert loaded[name].numpy().tobytes() == value.tobytes()


@pytest.mark.parametrize("name", ["m.safetensors", "m.msgpack"])
def test_other_formats_are_the_same_files(name: str, tmp_path: Path) -> None:
    legacy.restore((FIXTURES / f"{name}.json").read_bytes(), get, tmp_path / "file", name=f"models/{name}")
    assert (tmp_path / "file").read_bytes() == (FIXTURES / name).read_bytes()


def test_nested_names_arent_pytorchs(tmp_path: Path) -> None:
    data = (FIXTURES / "m.msgpack.json").read_bytes()
    for name in ("a.pt", "a.safetensors"):
        with pytest.raises(LegacyError, match=r"no tensors called|nested names"):
            legacy.restore(data, get, tmp_path / name)
        assert not (tmp_path / name).exists()


def test_large_flax_arrays_are_cut_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("git_theta.legacy.flax_writer._MAX_CHUNK_BYTES", 64)
    legacy.restore((FIXTURES / "m.msgpack.json").read_bytes(), get, tmp_path / "m.msgpack")
    read = msgpack.unpackb((tmp_path / "m.msgpack").read_bytes())["params"]["Dense_0"]["kernel"]
    assert read["__msgpack_chunked_array__"] is True
    assert read["shape"] == {"0": 6, "1": 5}
    sizes = [msgpack.unpackb(chunk.data)[0] for chunk in read["chunks"].values()]
    assert sizes == [[16], [14]]


def test_an_update_needs_history(tmp_path: Path) -> None:
    def forgotten(commit: str) -> bytes:
        raise KeyError(commit)

    for history in (None, forgotten):
        with pytest.raises(LegacyError, match="an update of its version in commit 00c844e1"):
            legacy.restore(VERSIONS["1"][1], get, tmp_path / "model.pt", history)


def test_an_update_of_itself_ends(tmp_path: Path) -> None:
    with pytest.raises(LegacyError, match="more than 4096 updates"):
        legacy.restore(VERSIONS["1"][1], get, tmp_path / "model.pt", lambda _commit: VERSIONS["1"][1])


def test_an_update_of_nothing(tmp_path: Path) -> None:
    data = VERSIONS["1"][1].replace(VERSIONS["0"][0].encode(), b"null").replace(b'"null"', b"null")
    with pytest.raises(LegacyError, match="an update of nothing"):
        legacy.restore(data, get, tmp_path / "model.pt", earlier)
    other = (FIXTURES / "m.safetensors.json").read_bytes()
    with pytest.raises(LegacyError, match="doesn't have"):
        legacy.restore(VERSIONS["1"][1], get, tmp_path / "model.pt", lambda _commit: other)


def test_an_unknown_update(tmp_path: Path) -> None:
    data = VERSIONS["1"][1].replace(b'"sparse"', b'"magic"')
    with pytest.raises(LegacyError, match="'magic' isn't one of"):
        legacy.restore(data, get, tmp_path / "model.pt", earlier)


def test_missing_and_damaged_objects(tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "objects", tmp_path / "objects")
    data, target = VERSIONS["0"][1], tmp_path / "model.pt"
    path = tmp_path / "objects" / list(parse_metadata(data).values())[-1].oid
    whole = path.read_bytes()

    def restore() -> None:
        legacy.restore(data, lambda oid: tmp_path / "objects" / oid, target)

    path.write_bytes(whole[:-1] + b"\0")
    with pytest.raises(CorruptError, match="is damaged"):
        restore()
    path.write_bytes(whole[:-1])
    with pytest.raises(CorruptError, match="350 bytes instead of 351"):
        restore()
    path.unlink()
    with pytest.raises(MissingObjectError, match="isn't here"):
        restore()
    path.mkdir()
    with pytest.raises(MissingObjectError, match="can't be read"):
        restore()
    assert not target.exists()


def test_a_target_that_cant_be_written(tmp_path: Path) -> None:
    with pytest.raises(ThetaError, match="can't write"):
        legacy.restore(VERSIONS["0"][1], get, tmp_path / "missing" / "model.pt")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_altered_objects_are_refused_or_read(data: st.DataObject, tmp_path: Path) -> None:
    """Whatever is in an object that has the right digest: a value or a clear error, nothing else."""
    version = data.draw(st.sampled_from(sorted(VERSIONS)))
    text = VERSIONS[version][1]
    oid = data.draw(st.sampled_from([stored.oid for stored in parse_metadata(text).values()]))
    content = bytearray(get(oid).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    altered = hashlib.sha256(content).hexdigest()
    (tmp_path / altered).write_bytes(content)
    with suppress(ThetaError):
        legacy.restore(
            text.replace(oid.encode(), altered.encode()),
            lambda wanted: tmp_path / wanted if wanted == altered else get(wanted),
            tmp_path / "model.pt",
            earlier,
        )
