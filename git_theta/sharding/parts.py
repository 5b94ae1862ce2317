"""A model as files: one checkpoint, or shards that have a part of the parameters each."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class ModelParts:
    """The files that make up a model.

    Attributes:
        name: The path that the model has, or would have, as one file: `llama/model.safetensors` for shards
            such as `llama/model-00001-of-00003.safetensors`.
        files: Paths of its checkpoints, in the order of the shards; those that are missing are left out.
        index: Path of the file that lists the shards; empty if there's none.
        problem: The reason why the files aren't a whole model; empty if they are.
    """

    name: str
    files: tuple[str, ...]
    index: str = ""
    problem: str = ""

    @property
    def is_sharded(self) -> bool:
        """Whether the model is more than a checkpoint of its own name."""
        return self.files != (self.name,)

    @property
    def title(self) -> str:
        """The name, with the number of shards if the model has any."""
        if not self.is_sharded:
            return self.name
        return f"{self.name} ({self.sharding})"

    @property
    def sharding(self) -> str:
        """The kind of files in words: `3 shards`, or `1 file`."""
        return shard_count(len(self.files)) if self.is_sharded else "1 file"

    def inside(self, folder: str) -> ModelParts:
        """The same model with paths from a folder's parent."""
        if not folder:
            return self
        files = tuple(f"{folder}/{name}" for name in self.files)
        index = self.index and f"{folder}/{self.index}"
        problem = self.problem and f"{folder}/{self.problem}"
        return replace(self, name=f"{folder}/{self.name}", files=files, index=index, problem=problem)


def single_file(path: str) -> ModelParts:
    """The model of a checkpoint that stands alone."""
    return ModelParts(path, (path,))


def shard_count(count: int) -> str:
    """`1 shard`, `3 shards`."""
    return f"{count:,} shard" + ("" if count == 1 else "s")
