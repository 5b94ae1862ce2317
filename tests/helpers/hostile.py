"""Values whose headers claim what their few bytes don't have: what a stranger's repository may name."""

from __future__ import annotations

from hypothesis import strategies as st

from git_theta.codecs.frames import CHUNK
from git_theta.codecs.packed import varint
from git_theta.model.manifest import ObjectRef, Source
from git_theta.model.tensor import TensorSpec
from git_theta.store.local import LocalStore
from git_theta.updates.dense import Dense
from git_theta.updates.payload import pack_header, typed_header

#: Sizes in bytes that a header may claim, of F32 elements but for some.
SIZES = (0, 4, 64, 4096, 1 << 16, 1 << 21, 1 << 40, 1 << 50, 7)

#: What may stand in the place of a number.
NUMBERS = (*SIZES, -1, 1 << 63, 1.5, True, None, "9", [1])


def stored(store: LocalStore, update: str, payload: bytes, *inputs: Source) -> Source:
    """The source of an update whose payload is an object of the store."""
    return Source(update, ObjectRef(store.put([payload])), inputs)


def zeros(store: LocalStore, nbytes: int) -> Source:
    """A dense value of zeros, whose payload is small."""
    data = memoryview(bytes(nbytes))
    return stored(
        store, "dense", b"".join(map(bytes, Dense().encode(data, TensorSpec("F32", (nbytes // 4,)))))
    )


def index(store: LocalStore) -> Source:
    """A recipe of no inputs, which makes a value of any size."""
    return stored(store, "recipe", pack_header({"update": "recipe", "dtype": "F32", "program": [["index"]]}))


def sum_of(store: LocalStore, *inputs: Source) -> Source:
    """A recipe that adds its inputs."""
    steps: list[list[object]] = [["input", place] for place in range(len(inputs))]
    total = 0
    for place in range(1, len(inputs)):
        steps.append(["add", total, place])
        total = len(steps) - 1
    return stored(
        store, "recipe", pack_header({"update": "recipe", "dtype": "F32", "program": steps}), *inputs
    )


def last_row(store: LocalStore, base_nbytes: object, base: Source) -> Source:
    """Four bytes: the last row of a base, of which a header says how large it is."""
    whole = base_nbytes if type(base_nbytes) is int else 4
    header = typed_header(
        "rows",
        TensorSpec("F32", (1,)),
        codec="planes",
        base=base_nbytes,
        runs=[max(whole // 4 - 1, 0), 0, 1],
    )
    return stored(store, "rows", header, base)


def unchanged(store: LocalStore, nbytes: int, base: Source) -> Source:
    """A delta that changes nothing: a byte for each MiB."""
    header = typed_header("delta", TensorSpec("F32", (nbytes // 4,)))
    return stored(store, "delta", header + varint(0) * min(-(-nbytes // CHUNK), 64), base)


def full_rank(store: LocalStore, side: int, rank: object, base: Source) -> Source:
    """A low-rank update of a square matrix, without the bytes of its factors."""
    header = typed_header(
        "low-rank",
        TensorSpec("F32", (side, side)),
        rank=rank,
        factors="F32",
        codec="planes",
        scale=1.0,
        sizes=[0, 0],
        residual=False,
    )
    return stored(store, "low-rank", header, base)


def scattered(store: LocalStore, nbytes: int, base_nbytes: object, *bases: Source) -> Source:
    """An arrangement of inputs, each with one element in every window of a value; the rest is zeros."""
    count, step = nbytes // 4, 1 << 23
    whole = base_nbytes // 4 if type(base_nbytes) is int else base_nbytes
    copy = [0, 0, max(1, -(-count // step)), 0, step] if count else [0, 0]
    header = typed_header(
        "arrange",
        TensorSpec("F32", (count,)),
        inputs=[whole] * len(bases),
        copies=[[copy] for _ in bases],
    )
    return stored(store, "arrange", header, *bases)


def narrowed(store: LocalStore, base: Source) -> Source:
    """A cast to float32 of a value of twice as many bytes."""
    header = pack_header({"update": "cast", "dtype": "F32", "from": "F64"})
    return stored(store, "cast", header, base)


@st.composite
def hostile_sources(draw: st.DrawFn, store: LocalStore, nbytes: int, depth: int = 3) -> Source:
    """A source of a value that may have `nbytes` bytes, of updates on updates that ask for much more."""

    def below(size: object) -> Source:
        whole = size if type(size) is int and size >= 0 else 4
        return draw(hostile_sources(store, whole, depth - 1))

    kinds = (
        ["zeros", "index"]
        if depth == 0
        else [
            "rows",
            "delta",
            "low-rank",
            "sum",
            "arrange",
            "cast",
            "zeros",
            "index",
        ]
    )
    kind = draw(st.sampled_from(kinds))
    if kind == "rows":
        size = draw(st.sampled_from(NUMBERS))
        return last_row(store, size, below(size))
    if kind == "delta":
        return unchanged(store, min(nbytes, 1 << 48), below(nbytes))
    if kind == "low-rank":
        side = draw(st.sampled_from([1, 32, 1 << 12, 1 << 20]))
        return full_rank(store, side, draw(st.sampled_from(NUMBERS)), below(4 * side * side))
    if kind == "arrange":
        size = draw(st.sampled_from(NUMBERS))
        count = draw(st.integers(1, 3))
        return scattered(store, min(nbytes, 1 << 48), size, *(below(size) for _ in range(count)))
    if kind == "cast":
        return narrowed(store, below(2 * nbytes))
    if kind == "sum":
        return sum_of(store, *(below(nbytes) for _ in range(draw(st.integers(1, 4)))))
    return index(store) if kind == "index" or nbytes > 1 << 21 else zeros(store, nbytes // 4 * 4)
