"""`git theta export`: a version of a model, written in another format."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from git_theta import formats
from git_theta.combine.model import Model
from git_theta.combine.stored_forms import check_plain
from git_theta.errors import UsageError
from git_theta.export.plan import ExportedTensor, exported_tensors, index_json, shard_names, split_shards
from git_theta.export.targets import SHARDED, new_file, target_of
from git_theta.export.write import ExportedFile, write_files
from git_theta.formats.base import HasScalars
from git_theta.formats.onnx.external_places import data_file_names
from git_theta.formats.safetensors.header import read_header, read_metadata
from git_theta.git.merge.combine_models import check_output
from git_theta.git.merge.models import ModelFiles
from git_theta.git.plumbing.command import Git
from git_theta.limits import DEFAULT_LIMITS
from git_theta.merging.manifest_parts import parameter_entries
from git_theta.model.array_parts import is_compressed_part
from git_theta.model.manifest import Entry
from git_theta.model.parameter_names import select
from git_theta.model.tensor import TensorSpec
from git_theta.report.text import human_size, plural, printable
from git_theta.runtime.output import say, warn
from git_theta.runtime.progress import progress

#: Names that a message lists.
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ExportChoices:
    """The user's choices about an export.

    Attributes:
        target: Key of `TARGETS`; `None` to go by the name of the file.
        dtype: Dtype for floating-point tensors; `None` to keep every dtype.
        params: Names or patterns of parameters; all if there are none.
        strip: Beginning of names that is left out of them.
        shard_size: Bytes of the tensors of a file at most; `None` for one file.
        force: Whether existing files are overwritten.
    """

    target: str | None = None
    dtype: str | None = None
    params: tuple[str, ...] = ()
    strip: str = ""
    shard_size: int | None = None
    force: bool = False


def export_model(name: str, output: Path, choices: ExportChoices) -> None:
    """Write a model in another format.

    Args:
        name: Name of the model, as the user wrote it; see `ModelFiles`.
        output: The new file; with shards, the name that theirs are made from.
        choices: The user's choices.

    Raises:
        UsageError: The model's name, the output, or a choice isn't valid.
        ThetaError: The model can't be read, or a file can't be written; existing files are as they were.
    """
    if not output.name:
        raise UsageError(f"{output} isn't the name of a file", "name the file to write")
    target = choices.target or target_of(output.suffix)
    if choices.shard_size is not None and target not in SHARDED:
        raise UsageError(f"models of {target} aren't sharded", "leave --max-shard-size out")
    with ExitStack() as stack:
        files = ModelFiles(Git(), stack)
        model = files.model(name)
        tensors = exported_tensors(_chosen(model, choices.params), choices.strip, choices.dtype)
        if not tensors:
            raise UsageError(f"{name} has no parameters")
        check_plain(model, [tensor.entry.name for tensor in tensors])
        shards = split_shards(tensors, choices.shard_size)
        names = shard_names(output.stem, output.suffix, len(shards))
        index = {output.with_name(f"{output.name}.index.json"): index_json(names, shards)}
        texts = index if len(shards) > 1 else {}
        for path in (*(output.with_name(each) for each in names), *texts):
            check_output(path, force=choices.force)
        left_out, tied = _rest(model, target), _tied(model, tensors)
        elsewhere = [] if choices.params else _data_files(model)
        packed = [each.entry.name for each in tensors if is_compressed_part(each.entry.name, each.spec)]
        metadata = _metadata(model, target, output)
        planned = [
            ExportedFile(output.with_name(each), new_file(target, _specs(shard), metadata), shard)
            for each, shard in zip(names, shards, strict=True)
        ]
        memory = model.prepare([tensor.entry for tensor in tensors])
        threads = max(1, min(files.threads, DEFAULT_LIMITS.memory // max(1, memory)))
        total = sum(tensor.spec.nbytes for tensor in tensors)
        with progress(f"exporting to {output}", total) as advance:
            infinite = write_files(planned, texts, model.read, threads, advance)
    if target == "npz" and any(tensor.spec.dtype == "BF16" for tensor in tensors):
        warn(
            "NumPy has no bfloat16: read such arrays by .view(ml_dtypes.bfloat16), or export with --dtype F32"
        )
    if infinite:
        count = plural(sum(infinite.values()), "element")
        warn(f"too large for {choices.dtype}, and infinite now: {count} of {_listed(infinite)}")
    if tied:
        warn(f"share memory in {model.name}, and are written apart: {_listed(tied)}")
    if packed:
        warn(f"compressed in {model.name}, and written as the compressed bytes: {_listed(packed)}")
    if elsewhere:
        warn(f"left out, as they're in other files, to be exported apart: tensors in {_listed(elsewhere)}")
    if left_out:
        warn(f"left out, as a file of {target} has tensors only: {_listed(left_out)}")
    size = human_size(sum(file.draft.layout.size for file in planned))
    where = next(iter(texts), output)
    count = f" in {len(planned)} files" if texts else ""
    say(f"{printable(str(where))}: {plural(len(tensors), 'parameter')}, {size}{count}")


def _chosen(model: Model, params: Sequence[str]) -> list[Entry]:
    """The chosen parameters, in the order of the model's file."""
    entries = {entry.name: entry for entry in parameter_entries(model.manifest)}
    wanted = set(select(entries, params or None, model.name))
    places = [place.name for place in model.version().layout.placements]
    return [entries[name] for name in dict.fromkeys((*places, *entries)) if name in wanted]


def _specs(shard: Iterable[ExportedTensor]) -> dict[str, TensorSpec]:
    return {tensor.name: tensor.spec for tensor in shard}


def _tied(model: Model, tensors: Iterable[ExportedTensor]) -> list[str]:
    """Names of parameters that have one place in the model's file with another one of the export."""
    places = {place.name: (place.offset, place.strides) for place in model.version().layout.placements}
    names: dict[object, list[str]] = {}
    for tensor in tensors:
        if tensor.entry.spec.count and tensor.entry.name in places:
            key = (places[tensor.entry.name], tensor.entry.spec)
            names.setdefault(key, []).append(tensor.entry.name)
    return [name for group in names.values() if len(group) > 1 for name in group]


def _scalars(model: Model) -> dict[str, str]:
    plugin = formats.registry().get(model.manifest.format)
    return dict(plugin.scalars(model.version().skeleton)) if isinstance(plugin, HasScalars) else {}


def _data_files(model: Model) -> list[str]:
    """Names of the files beside a model of ONNX that have more of its tensors."""
    return data_file_names(model.version().skeleton) if model.manifest.format == "onnx" else []


def _rest(model: Model, target: str) -> list[str]:
    """Names of the model's values that aren't tensors and that the new file has no place for."""
    if model.manifest.format == "safetensors" == target:
        return []
    return sorted(_scalars(model))


def _metadata(model: Model, target: str, output: Path) -> dict[str, str]:
    """Texts for the new file."""
    if target == "gguf":
        return {"general.name": output.stem}
    if target != "safetensors":
        return {}
    if model.manifest.format == "safetensors":
        found = read_metadata(read_header(model.version().skeleton)) or {}
        return {key: text for key, text in found.items() if isinstance(text, str)}
    # Hugging Face's libraries ask for it.
    return {"format": "pt"}


def _listed(names: Iterable[str]) -> str:
    found = list(names)
    more = f", and {plural(len(found) - _SHOWN, 'other')}" if len(found) > _SHOWN else ""
    return ", ".join(map(printable, found[:_SHOWN])) + more
