"""Plans of exports: which tensors go into which file, under which names and dtypes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from git_theta.errors import UsageError
from git_theta.model.manifest import Entry
from git_theta.model.tensor import TensorSpec
from git_theta.updates.rounding import ARITHMETIC

#: Dtypes that floating-point tensors can be converted to.
DTYPES = ("F32", "F16", "BF16")


@dataclass(frozen=True, slots=True)
class ExportedTensor:
    """A tensor of an export.

    Attributes:
        name: Its name in the new file.
        entry: The parameter.
        spec: Dtype and shape in the new file.
    """

    name: str
    entry: Entry
    spec: TensorSpec

    @property
    def is_converted(self) -> bool:
        """Whether its dtype changes."""
        return self.spec.dtype != self.entry.spec.dtype


def exported_tensors(entries: Iterable[Entry], prefix: str, dtype: str | None) -> tuple[ExportedTensor, ...]:
    """The tensors of an export.

    Args:
        entries: The parameters, in the order of the new file.
        prefix: Beginning of names that is left out of them.
        dtype: One of `DTYPES`, for tensors of floating-point numbers of at least 16 bits; `None` to keep
            every dtype.

    Raises:
        UsageError: A name doesn't begin with the prefix, or is nothing but that.
    """
    tensors = []
    for entry in entries:
        if not entry.name.startswith(prefix) or entry.name == prefix:
            raise UsageError(
                f"the name of {entry.name!r} doesn't begin with {prefix!r}, and go on after that",
                f"choose the parameters that have it: --params '{prefix}*'",
            )
        converted = dtype is not None and entry.spec.dtype in ARITHMETIC
        spec = TensorSpec(dtype, entry.spec.shape) if dtype and converted else entry.spec
        tensors.append(ExportedTensor(entry.name[len(prefix) :], entry, spec))
    return tuple(tensors)


def split_shards(tensors: Sequence[ExportedTensor], limit: int | None) -> list[tuple[ExportedTensor, ...]]:
    """The tensors of each file, in order: as many as go into the limit, and at least one.

    Args:
        tensors: The tensors.
        limit: Bytes of the tensors of a file; `None` for one file.
    """
    shards: list[list[ExportedTensor]] = [[]]
    size = 0
    for tensor in tensors:
        if limit is not None and shards[-1] and size + tensor.spec.nbytes > limit:
            shards.append([])
            size = 0
        shards[-1].append(tensor)
        size += tensor.spec.nbytes
    return [tuple(shard) for shard in shards]


def shard_names(name: str, suffix: str, count: int) -> list[str]:
    """Names of the files: `model-00001-of-00003.safetensors`, or the name itself for one file."""
    if count == 1:
        return [f"{name}{suffix}"]
    return [f"{name}-{number:05}-of-{count:05}{suffix}" for number in range(1, count + 1)]


def index_json(names: Sequence[str], shards: Sequence[Sequence[ExportedTensor]]) -> Mapping[str, object]:
    """The index of shards, as Hugging Face's libraries read it."""
    weight_map = {tensor.name: name for name, shard in zip(names, shards, strict=True) for tensor in shard}
    total = sum(tensor.spec.nbytes for shard in shards for tensor in shard)
    return {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
