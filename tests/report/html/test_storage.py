"""How the bytes of a new version are stored."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from git_theta.model.manifest import Entry, ObjectRef, Source
from git_theta.model.tensor import TensorSpec
from git_theta.report.html.storage import WIDTH, storage_bars, storage_parts
from tests.helpers.changes import compared
from tests.helpers.manifests import A, B, C, entry, manifest


def test_parts_have_the_bytes_of_the_file() -> None:
    delta = Source("delta", ObjectRef(B, 5, 7), (Source("dense", ObjectRef(A, 0, 10)),))
    old = manifest(entry("a"), entry("b", C), entry("same"))
    new = manifest(entry("a", B, delta), entry("c", C), entry("same"), layout=B)
    made = compared(old, new)
    found = storage_parts(made)
    assert [(part.label, part.count, part.raw, part.stored) for part in found] == [
        ("unchanged", 1, 24, 0),
        ("stored before", 1, 24, 0),
        ("delta", 1, 24, 7),
        ("rest of the file", None, 928, 9),
    ]
    file, stored = storage_bars(made, found)
    assert (file.total, stored.total) == (1000, 16)
    for bar in (file, stored):
        assert sum(part.width for part in bar.slices) <= WIDTH + 0.1


@given(st.lists(st.integers(0, 1 << 40), min_size=1, max_size=20))
def test_bars_stay_in_the_picture(sizes: list[int]) -> None:
    specs = [TensorSpec("U8", (size,)) for size in sizes]
    entries = [
        Entry(f"p{i}", spec, B, Source(f"u{i}", ObjectRef(f"{i:064x}", 0, spec.nbytes)))
        for i, spec in enumerate(specs)
    ]
    made = compared(None, manifest(*entries))
    for bar in storage_bars(made, storage_parts(made)):
        assert all(part.x + part.width <= WIDTH + 0.1 for part in bar.slices)
