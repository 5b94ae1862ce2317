"""Models among files: shards that belong together are one model, and any other checkpoint is one alone.

Each kind of sharding has a module that finds its models: a new kind is one more. An index comes before the
numbers in names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from git_theta.errors import UsageError
from git_theta.sharding.distributed import DISTRIBUTED, distributed_models
from git_theta.sharding.index_file import indexed_name, is_index_name, parse_index
from git_theta.sharding.numbered import numbered_models, shard_number
from git_theta.sharding.parts import ModelParts, single_file

#: Reads a file; `None` if it's not there, or too large for what it should be.
ReadFile = Callable[[str], bytes | None]

#: Names by which libraries find a model in its folder, in the order in which they try them.
_KNOWN = (
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
    "diffusion_pytorch_model.safetensors.index.json",
    "model.safetensors",
    "pytorch_model.bin",
    "diffusion_pytorch_model.safetensors",
    "adapter_model.safetensors",
    "adapter_model.bin",
    DISTRIBUTED,
)

#: Ends of names of checkpoints. In a folder of the work tree, other files count only as shards.
_ENDINGS = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".onnx", ".tflite", ".keras", ".h5", ".distcp")


def listed_models(names: Sequence[str], read: ReadFile) -> list[ModelParts]:
    """The models among all files of a folder, of which it isn't known which are checkpoints."""
    models = group_folder(names, filter(is_index_name, names), read)
    return [model for model in models if model.is_sharded or model.index or model.name.endswith(_ENDINGS)]


def group_files(checkpoints: Iterable[str], indexes: Iterable[str], read: ReadFile) -> list[ModelParts]:
    """The models that checkpoints make up, in the order of their names.

    Args:
        checkpoints: Paths of checkpoints, in any folders.
        indexes: Paths of other files, of which those that are named like an index are read.
        read: Reads an index by its path.
    """
    folders: dict[str, tuple[list[str], list[str]]] = {}
    for which, paths in enumerate((checkpoints, indexes)):
        for path in paths:
            folder, _, name = path.rpartition("/")
            if which == 0 or is_index_name(name):
                folders.setdefault(folder, ([], []))[which].append(name)
    found = []
    for folder, (names, listed) in folders.items():
        models = group_folder(names, listed, partial(_read_in, read, folder))
        found += [model.inside(folder) for model in models if model.files]
    return sorted(found, key=lambda model: model.name)


def group_folder(checkpoints: Sequence[str], indexes: Iterable[str], read: ReadFile) -> list[ModelParts]:
    """The models of one folder; see `group_files`.

    An index is a model without files if none of its shards is there.
    """
    models = _indexed(checkpoints, sorted(indexes), read)
    claimed = {name for model in models for name in model.files}
    rest = [name for name in checkpoints if name not in claimed]
    others = [
        *distributed_models(rest),
        *numbered_models(rest, [*rest, *(model.name for model in models)]),
    ]
    shards = {name for model in others for name in model.files}
    alone = [single_file(name) for name in rest if name not in shards]
    return [*models, *others, *alone]


def may_be_shard(path: str) -> bool:
    """Whether a file may be one of several of a model by its name alone, or lists these."""
    name = path.rpartition("/")[2]
    return shard_number(name) is not None or name.endswith(".distcp") or is_index_name(name)


def main_model(models: Sequence[ModelParts], folder: str) -> ModelParts:
    """The model that a folder stands for: the only one, or the one that libraries look for first.

    Args:
        models: The models of the folder, by names in it.
        folder: Name of the folder for messages.

    Raises:
        UsageError: There's no model, or there are several.
    """
    for known in _KNOWN:
        for model in models:
            if known in (model.index, model.name):
                return model
    models = [model for model in models if model.files] or models
    if len(models) == 1:
        return models[0]
    if not models:
        raise UsageError(f"there's no checkpoint in {folder or '.'}", "name a model's folder, or a file")
    listed = ", ".join(model.name for model in models[:3]) + (", …" if len(models) > 3 else "")
    raise UsageError(f"{folder} has several checkpoints: {listed}", "name the file itself")


def _read_in(read: ReadFile, folder: str, name: str) -> bytes | None:
    return read(f"{folder}/{name}" if folder else name)


def _indexed(checkpoints: Sequence[str], indexes: Iterable[str], read: ReadFile) -> list[ModelParts]:
    """The models that indexes list. Of two indexes with a shard in common, the first one counts."""
    there = set(checkpoints)
    claimed: set[str] = set()
    found: list[ModelParts] = []
    for index in indexes:
        try:
            data = read(index)
            if data is None:
                raise UsageError(f"{index} can't be read")
            shards = parse_index(data, index).shards
        except UsageError as error:
            shards, problem = [], error.message
            files = _numbered_like(indexed_name(index), there - claimed)
        else:
            files = [name for name in shards if name in there]
            problem = _missing(index, [name for name in shards if name not in there])
        if claimed & {*files}:
            continue
        claimed |= {*files}
        name = indexed_name(index)
        # A checkpoint of that name beside the shards is a model of its own.
        free = name not in there or files == [name]
        found.append(ModelParts(name if free else index, tuple(files), index, problem))
    return found


def _numbered_like(model: str, names: Iterable[str]) -> list[str]:
    """The numbered shards of a model whose index can't be read."""
    return next((list(found.files) for found in numbered_models(names, ()) if found.name == model), [])


def _missing(index: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
    return f"{index} names {names[0]}{more}, which isn't there"
