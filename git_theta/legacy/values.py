"""Values of parameters: the arrays that are stored now, applied to what they were made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from git_theta.legacy.metadata import DTYPES, LegacyError, LegacyParameter, Path, parse
from git_theta.legacy.update_arrays import Get, read
from git_theta.legacy.updates import VALUE, Arrays, apply, check, dtype_after
from git_theta.model.tensor import TensorSpec, numpy_dtype

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Updates on top of each other.
_MAX_CHAIN = 4096

#: Gives the metadata of the same file at a commit.
Earlier = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Value:
    """A parameter's value, which isn't read yet.

    Attributes:
        name: For messages.
        chain: The parameter's versions, the newest first; only the last is a whole value.
        get: Gives Git LFS objects.
    """

    name: str
    chain: Sequence[LegacyParameter]
    get: Get

    def spec(self) -> TensorSpec:
        """Dtype and shape: an update in a wider dtype widens the value, whatever the metadata says.

        Raises:
            ThetaError: As for `read`.
        """
        *updates, whole = self.chain
        if not updates:
            return whole.spec
        dtype = numpy_dtype(whole.spec.dtype)
        for stored in reversed(updates):
            dtype = dtype_after(stored.update, self._arrays(stored), dtype)
        if dtype.name not in DTYPES:
            raise LegacyError(f"parameter {self.name!r} would be of dtype {dtype}")
        return TensorSpec(DTYPES[dtype.name], self.chain[0].spec.shape)

    def read(self) -> NDArray[Any]:
        """The value.

        Raises:
            MissingObjectError: An object isn't there.
            CorruptError: An object isn't the one that's named.
            LegacyError: It's damaged, or of a kind that isn't known.
        """
        *updates, whole = self.chain
        array = self._arrays(whole)[VALUE]
        if array.spec != whole.spec:
            raise LegacyError(f"parameter {self.name!r} isn't what its metadata says: {array.spec}")
        value = array.read()
        for stored in reversed(updates):
            if stored.spec.shape != value.shape:
                raise LegacyError(f"an update changes the shape of parameter {self.name!r}")
            value = apply(stored.update, self._arrays(stored), value)
        return value

    def _arrays(self, stored: LegacyParameter) -> Arrays:
        arrays = read(stored, self.get)
        check(stored.update, arrays)
        return arrays


def values(data: bytes, get: Get, earlier: Earlier | None) -> dict[Path, Value]:
    """The values of all parameters of a version, in order.

    Args:
        data: The version's metadata.
        get: Gives Git LFS objects.
        earlier: Gives earlier metadata, if there's any.

    Raises:
        LegacyError: Metadata is malformed, or what an update applies to isn't there.
    """
    known: dict[str, Mapping[Path, LegacyParameter]] = {}

    def at(commit: str) -> Mapping[Path, LegacyParameter]:
        if commit not in known:
            known[commit] = parse(_blob(commit, earlier))
        return known[commit]

    return {
        path: Value("/".join(path), _chain(path, stored, at), get) for path, stored in parse(data).items()
    }


def _chain(
    path: Path, stored: LegacyParameter, at: Callable[[str], Mapping[Path, LegacyParameter]]
) -> Sequence[LegacyParameter]:
    chain = [stored]
    while chain[-1].update != "dense":
        commit = chain[-1].last_commit
        name = "/".join(path)
        if not commit:
            raise LegacyError(f"parameter {name!r} is an update of nothing")
        before = at(commit).get(path)
        if before is None:
            raise LegacyError(f"parameter {name!r} is an update of one that commit {commit} doesn't have")
        chain.append(before)
        if len(chain) > _MAX_CHAIN:
            raise LegacyError(f"parameter {name!r} has more than {_MAX_CHAIN} updates on top of each other")
    return chain


def _blob(commit: str, earlier: Earlier | None) -> bytes:
    try:
        if earlier is not None:
            return earlier(commit)
    except LookupError:
        pass
    raise LegacyError(
        f"a parameter is an update of its version in commit {commit}, which isn't here",
        "history was rewritten or cut off: fetch that commit, or convert a clone that has it",
    )
