"""Files taken apart: the values of their tensors, and fingerprints."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from git_theta.checkpoint_file import NOT_STORED, as_before, fingerprint, read_checkpoint
from git_theta.clean import Cleaner
from git_theta.formats.neighbours import Neighbours
from git_theta.formats.pytorch.dcp_metadata import METADATA
from git_theta.model.digest import digest
from git_theta.model.manifest import Manifest
from git_theta.model.strided import temporary_file
from git_theta.runtime.mapped import mapped_file
from git_theta.store.local import LocalStore
from tests.helpers import plugins
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.dcp import data_file, item, metadata
from tests.helpers.pickled import archive, mapping, storage, tensor, whole

WEIGHT = np.arange(6, dtype="<f4").reshape(2, 3)


def transposed() -> memoryview:
    """A PyTorch file with a tensor of shape (2, 3) that lies column by column."""
    tree = mapping({"w": tensor(storage("0", 6), (2, 3), strides=(1, 2))})
    return memoryview(archive({"data.pkl": whole(tree), "data/0": WEIGHT.T.tobytes()}))


def test_a_contiguous_tensor_is_a_view_of_the_file() -> None:
    data = memoryview(safetensors_bytes({"w": WEIGHT}))
    file = read_checkpoint(data)
    assert (file.format, file.opaque, list(file.tensors)) == ("safetensors", False, ["w"])
    assert file.value("w") == WEIGHT.tobytes()
    assert file.value("w").obj is data.obj


def test_a_strided_tensor_is_copied_in_c_order() -> None:
    file = read_checkpoint(transposed())
    assert file.tensors["w"].spec.shape == (2, 3)
    assert file.value("w") == WEIGHT.tobytes()


def test_any_file_can_be_read() -> None:
    file = read_checkpoint(memoryview(b"\x10" + bytes(7) + b"{not a header}  "))
    assert file.opaque
    assert not file.tensors
    assert "looks like safetensors" in file.note
    with pytest.raises(KeyError):
        file.value("w")


@pytest.mark.parametrize("threads", [1, 3])
def test_a_fingerprint_has_digests_and_no_sources(threads: int) -> None:
    data = transposed()
    found = fingerprint(data, threads, temporary_file)
    assert (found.format, found.size) == ("pytorch", len(data))
    (entry,) = found.entries
    assert (entry.name, entry.digest, entry.source) == ("w", digest(WEIGHT.tobytes()), NOT_STORED)
    assert found.layout.digest == digest(read_checkpoint(data).layout.to_bytes())


def test_a_mapped_file_is_read_in_place(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors_bytes({"w": WEIGHT}))
    with mapped_file(path) as data:
        value = read_checkpoint(data).value("w")
    assert value == WEIGHT.tobytes()


def test_an_opaque_file_may_be_of_a_format_that_cant_be_used(tmp_path: Path) -> None:
    plugins.install(tmp_path, "broken-toy", {"git_theta.formats:toy": "Toy"}, "raise RuntimeError('no toys')")
    with plugins.importable(tmp_path):
        found = read_checkpoint(memoryview(b"TOY1"))
    assert found.opaque
    assert found.note == (
        "kept as an opaque file: the format 'toy' of broken-toy 1.0 can't be used: RuntimeError: no toys"
    )


def toy(*values: float) -> memoryview:
    """A file of the example package's format, with a tensor `w`."""
    head = struct.pack("<4sIHI", b"TOY1", 0, 1, len(values))
    return memoryview(head + b"w" + struct.pack(f"<{len(values)}f", *values))


@pytest.fixture
def stored_toy(tmp_path: Path) -> tuple[Manifest, LocalStore]:
    """The manifest of a toy file that was stored while its format was installed."""
    plugins.install_example(tmp_path / "packages")
    store = LocalStore(tmp_path / "store")
    with plugins.importable(tmp_path / "packages"):
        return Cleaner(store).clean(toy(1.0, 2.0)).manifest, store


def test_a_file_is_taken_apart_as_before_without_its_format(stored_toy: tuple[Manifest, LocalStore]) -> None:
    manifest, store = stored_toy
    for data in (toy(1.0, 2.0), toy(3.0, 4.0)):
        file = as_before(read_checkpoint(data), [manifest], store)
        assert (file.format, list(file.tensors), file.note) == ("toy", ["w"], "")
        assert file.value("w") == data[-8:]
    again = Cleaner(store).clean(toy(1.0, 2.0), [manifest])
    assert (again.manifest, again.note) == (manifest, "")
    assert (
        fingerprint(toy(1.0, 2.0), 1, temporary_file, [manifest], store).layout.digest
        == manifest.layout.digest
    )


def test_a_file_with_another_structure_is_opaque_without_its_format(
    stored_toy: tuple[Manifest, LocalStore],
) -> None:
    manifest, store = stored_toy
    file = as_before(read_checkpoint(toy(1.0)), [manifest], store)
    assert file.opaque
    assert file.note.startswith("kept as an opaque file: there's no format called 'toy'; known: ")
    assert "pip install" in file.note


def test_a_file_is_opaque_if_its_old_layout_is_not_here(
    stored_toy: tuple[Manifest, LocalStore], tmp_path: Path
) -> None:
    manifest, _ = stored_toy
    assert as_before(read_checkpoint(toy(1.0, 2.0)), [manifest], LocalStore(tmp_path / "empty")).opaque


def test_a_file_that_is_not_opaque_stays_as_it_is(stored_toy: tuple[Manifest, LocalStore]) -> None:
    manifest, store = stored_toy
    file = read_checkpoint(memoryview(safetensors_bytes({"w": WEIGHT})))
    assert as_before(file, [manifest], store) is file


@pytest.mark.parametrize("size", [2, 1 << 19], ids=["in the layout", "in a stretch"])
def test_an_opaque_file_stays_so_until_it_changes(tmp_path: Path, size: int) -> None:
    store = LocalStore(tmp_path / "store")
    before = toy(*[1.0] * size)
    manifest = Cleaner(store).clean(before).manifest
    assert manifest.format == "opaque"
    plugins.install_example(tmp_path / "packages")
    with plugins.importable(tmp_path / "packages"):
        assert Cleaner(store).clean(before, [manifest]).manifest == manifest
        assert Cleaner(store).clean(toy(*[2.0] * size), [manifest]).manifest.format == "toy"


ITEM = item(np.arange(4))
SILENT = Neighbours("a.distcp", list, lambda _name: None)


def described(*names: str) -> Neighbours:
    """A description of a file `a.distcp` of as many tensors."""
    _, chunks = data_file("a.distcp", [(name, None, ITEM) for name in names])
    return Neighbours("a.distcp", list, {METADATA: metadata(chunks)}.get)


def test_names_by_a_neighbour_stay_without_it(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    manifest = Cleaner(store, neighbours=described("v", "w")).clean(memoryview(ITEM * 2)).manifest
    assert [entry.name for entry in manifest.entries] == ["v", "w"]
    changed = memoryview(ITEM + item(np.arange(4) + 1))
    found = as_before(read_checkpoint(changed, neighbours=SILENT), [manifest], store)
    assert list(found.tensors) == ["v", "w"]
    other = as_before(read_checkpoint(memoryview(ITEM * 3), neighbours=SILENT), [manifest], store)
    assert list(other.tensors) == ["0", "1", "2"]


def test_names_by_a_neighbour_are_taken_once_the_file_changes(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    manifest = Cleaner(store, neighbours=SILENT).clean(memoryview(ITEM * 2)).manifest
    same = as_before(read_checkpoint(memoryview(ITEM * 2), neighbours=described("v", "w")), [manifest], store)
    assert list(same.tensors) == ["0", "1"]
    changed = memoryview(ITEM + item(np.arange(4) + 1))
    found = as_before(read_checkpoint(changed, neighbours=described("v", "w")), [manifest], store)
    assert list(found.tensors) == ["v", "w"]
