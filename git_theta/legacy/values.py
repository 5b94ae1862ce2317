"""Values of parameters: each is a whole value, or updates on top of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from git_theta.legacy.metadata import DTYPES, KeyPath, LegacyError, LegacyParameter, parse_metadata
from git_theta.legacy.update_arrays import ObjectPath, read_arrays
from git_theta.legacy.updates import VALUE, Arrays, apply_update, check_arrays, dtype_after
from git_theta.limits import DEFAULT_LIMITS, WORK_PER_STORED_BYTE
from git_theta.model.tensor import TensorSpec, numpy_dtype

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: A parameter has no more updates on top of each other than this.
_MAX_CHAIN = 4096

#: Reads the metadata of the same file at a commit; raises LookupError where there's none.
MetadataAt = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class LegacyValue:
    """A parameter's value, which isn't read yet.

    Attributes:
        name: For messages.
        chain: The parameter's versions, the newest first; only the last is a whole value.
        object_path: Finds Git LFS objects.
    """

    name: str
    chain: Sequence[LegacyParameter]
    object_path: ObjectPath

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
        work = sum(stored.spec.nbytes for stored in self.chain)
        if work > DEFAULT_LIMITS.work + WORK_PER_STORED_BYTE * sum(stored.size for stored in self.chain):
            raise LegacyError(f"parameter {self.name!r} has {len(self.chain)} versions of almost no bytes")
        array = self._arrays(whole)[VALUE]
        if array.spec != whole.spec:
            raise LegacyError(f"parameter {self.name!r} isn't what its metadata says: {array.spec}")
        value = array.read()
        for stored in reversed(updates):
            if stored.spec.shape != value.shape:
                raise LegacyError(f"an update changes the shape of parameter {self.name!r}")
            value = apply_update(stored.update, self._arrays(stored), value)
        return value

    def _arrays(self, parameter: LegacyParameter) -> Arrays:
        arrays = read_arrays(parameter, self.object_path)
        check_arrays(parameter.update, arrays)
        return arrays


def read_values(
    data: bytes, object_path: ObjectPath, metadata_at: MetadataAt | None
) -> dict[KeyPath, LegacyValue]:
    """The values of all parameters of a version, in order.

    Args:
        data: The version's metadata.
        object_path: Finds Git LFS objects.
        metadata_at: Reads earlier metadata; `None` if there's none.

    Raises:
        LegacyError: Metadata is malformed, or the version that an update applies to isn't there.
    """
    known: dict[str, Mapping[KeyPath, LegacyParameter]] = {}

    def parameters_at(commit: str) -> Mapping[KeyPath, LegacyParameter]:
        if commit not in known:
            known[commit] = parse_metadata(_read_metadata(commit, metadata_at))
        return known[commit]

    return {
        path: LegacyValue("/".join(path), _chain(path, parameter, parameters_at), object_path)
        for path, parameter in parse_metadata(data).items()
    }


def _chain(
    path: KeyPath, stored: LegacyParameter, parameters_at: Callable[[str], Mapping[KeyPath, LegacyParameter]]
) -> Sequence[LegacyParameter]:
    chain = [stored]
    while chain[-1].update != "dense":
        commit = chain[-1].last_commit
        name = "/".join(path)
        if not commit:
            raise LegacyError(f"parameter {name!r} is an update of nothing")
        before = parameters_at(commit).get(path)
        if before is None:
            raise LegacyError(f"parameter {name!r} is an update of one that commit {commit} doesn't have")
        chain.append(before)
        if len(chain) > _MAX_CHAIN:
            raise LegacyError(f"parameter {name!r} has more than {_MAX_CHAIN} updates on top of each other")
    return chain


def _read_metadata(commit: str, metadata_at: MetadataAt | None) -> bytes:
    try:
        if metadata_at is not None:
            return metadata_at(commit)
    except LookupError:
        pass
    raise LegacyError(
        f"a parameter is an update of its version in commit {commit}, which isn't here",
        "history was rewritten or cut off: fetch that commit, or convert a clone that has it",
    )
