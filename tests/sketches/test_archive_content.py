from __future__ import annotations

import io
import zipfile
import zlib

from git_theta.model.tensor import TensorSpec
from git_theta.sketches.archive_content import content_sketch
from git_theta.sketches.content import shared_share
from tests.helpers.weights import trained, tuned

SPEC = TensorSpec("F32", (1 << 14,))
OLD = [trained(SPEC, seed) for seed in range(3)]
NEW = [tuned(value, SPEC, 1e-5) for value in OLD]


def archive(values: list[bytes], version: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("version", version)
        for n, value in enumerate(values):
            made.writestr(f"{n}.bin", value)
    return file.getvalue()


def shared(new: bytes, stored: bytes) -> tuple[float, float]:
    return shared_share(content_sketch(memoryview(new)), content_sketch(memoryview(stored)))


def test_archives_of_tuned_values_are_alike() -> None:
    _, upper = shared(archive(NEW, "a later version"), archive(OLD, "1"))
    assert upper > 0.7
    _, upper = shared(zlib.compress(b"".join(NEW)), zlib.compress(b"header" + b"".join(OLD)))
    assert upper > 0.7


def test_other_kinds_of_files_with_the_same_content_are_not() -> None:
    for other in (b"".join(OLD), zlib.compress(b"".join(OLD))):
        pieces, upper = shared(archive(OLD, "1"), other)
        # Bytes that can't be compressed are in each as they are.
        assert pieces < 0.3
        assert upper == 0


def test_a_damaged_archive_is_bytes() -> None:
    file = archive(OLD, "1")
    pieces, _ = shared(b"PK" + file[10:-30], file[:-30])
    assert pieces > 0.9
