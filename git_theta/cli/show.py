"""`git theta show`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import click

from git_theta.cli.render import print_json, print_table, ratio
from git_theta.cli.value_report import report
from git_theta.encoding.update_providers import require_updates_of
from git_theta.errors import UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.remote.fetch import ensure_values
from git_theta.git.repository.models import find_model
from git_theta.git.repository.repository import Repository
from git_theta.model.manifest import Entry, Manifest, Source
from git_theta.model.parameter_names import unknown_parameter
from git_theta.model.quantized_weights import QuantizedWeight, quantized_weights
from git_theta.model.sizes import SizeOf, entry_bytes, manifest_bytes, payload_bytes, source_bytes
from git_theta.report.text import human_size, plural, printable
from git_theta.runtime.output import say
from git_theta.sharding.joined import ModelVersion
from git_theta.sharding.parts import shard_count

#: The columns of the table, before that of the files.
_COLUMNS = ("parameter", "dtype", "shape", "update", ">size", ">own", ">stored", "digest")

#: The length up to which a chain is shown in full.
_MAX_CHAIN = 3

_EPILOG = """\b
Examples:
  git theta show model.safetensors           as it is in the index
  git theta show HEAD~1:models/base.pt       in a commit, path from the top
  git theta show main:./base.pt --sort size  path from this folder
  git theta show base.pt --param head.bias    statistics of one parameter
  git theta show llama/ --files              a model of several shards, and the shard of each parameter
"""


@click.command("show", epilog=_EPILOG, short_help="Show a checkpoint's parameters and what they cost.")
@click.argument("version", metavar="[REV:]PATH")
@click.option(
    "--sort",
    type=click.Choice(["name", "size", "own", "stored"]),
    default="name",
    help="Order of the rows.",
)
@click.option("--param", "name", metavar="NAME", help="Show statistics of the values of one parameter.")
@click.option("--values", is_flag=True, help="With --param, show the values instead; a long one is abridged.")
@click.option("--files", "with_files", is_flag=True, help="Show the shard that each parameter is in.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(version: str, sort: str, name: str | None, values: bool, with_files: bool, as_json: bool) -> None:
    """Show every parameter: dtype, shape, update, stored size and digest.

    PATH is a checkpoint. A model of several shards is shown as one: PATH is then the index of its shards, its
    folder, or the path that it would have as one file.

    A parameter may be an update of another value, such as `delta of dense`. The column "own" has the bytes
    of that update, "stored" those of the whole chain. The parameters of a quantised weight are below a row
    for the weight.
    """
    repository = Repository(Git())
    model = find_model(repository.git, version)
    manifest = model.manifest
    if name is not None:
        entry = manifest.by_name.get(name)
        if entry is None:
            raise unknown_parameter([name], manifest.by_name, printable(version))
        require_updates_of(entry, manifest)
        ensure_values(repository, [entry])
        report(entry, repository.store, values=values, as_json=as_json)
        return
    if values:
        raise UsageError("--values is for one parameter", "name it: --param NAME")
    size_of = repository.store.size
    rows = [_row(entry, model.homes[entry.name].file, size_of) for entry in manifest.entries]
    if sort != "name":
        rows.sort(
            key=lambda row: -{"size": row.entry.spec.nbytes, "own": row.own, "stored": row.stored}[sort]
        )
    if as_json:
        print_json(_model_json(model, rows, size_of))
        return
    table = _table(rows, _quantized(manifest))
    if with_files:
        print_table((*_COLUMNS, "file"), table)
    else:
        print_table(_COLUMNS, (cells[:-1] for cells in table))
    say("")
    for line in _summary(model, size_of):
        say(line)


def _summary(model: ModelVersion, size_of: SizeOf) -> Iterator[str]:
    """The sizes of a model and, if some parameters are updates, of these and of their bases."""
    manifest = model.manifest
    stored = manifest_bytes(manifest, size_of)
    shards = f" in {shard_count(len(model.parts.files))}" if model.parts.is_sharded else ""
    yield (
        f"{plural(len(manifest.entries), 'parameter')}{shards}, {manifest.format}: "
        f"{human_size(manifest.size)}, stored {human_size(stored)}, ratio {ratio(stored, manifest.size)}"
    )
    updates = [entry.source for entry in manifest.entries if entry.source.inputs]
    if updates:
        below = {ref for source in updates for part in source.inputs for ref in part.payloads()}
        own = {ref for source in updates for ref in source.payloads()} - below
        count = "1 of them is an update" if len(updates) == 1 else f"{len(updates):,} of them are updates"
        yield (
            f"{count}: {human_size(payload_bytes(own, size_of))}, "
            f"on values that take {human_size(payload_bytes(below, size_of))}"
        )


def _model_json(model: ModelVersion, rows: Sequence[_Row], size_of: SizeOf) -> dict[str, Any]:
    manifest = model.manifest
    files = {"files": list(model.parts.files)} if model.parts.is_sharded else {}
    return {
        **files,
        "format": manifest.format,
        "size": manifest.size,
        "stored": manifest_bytes(manifest, size_of),
        "layout": {"digest": manifest.layout.digest, "stored": entry_bytes(manifest.layout, size_of)},
        "parameters": [_row_json(row, is_shard=model.parts.is_sharded) for row in rows],
        "quantized": [
            {
                "name": weight.name,
                "scheme": weight.scheme,
                "shape": weight.shape and list(weight.shape),
                "parameters": list(weight.members),
            }
            for weight in _quantized(manifest)
        ],
    }


def _quantized(manifest: Manifest) -> tuple[QuantizedWeight, ...]:
    return quantized_weights({entry.name: entry.spec for entry in manifest.entries})


@dataclass(frozen=True, slots=True)
class _Row:
    """A parameter and its cost.

    Attributes:
        entry: The parameter.
        file: Path of the file that has it.
        chain: Names of the updates from the value down to its base.
        own: Bytes of the first update's payload.
        stored: Bytes of all payloads.
    """

    entry: Entry
    file: str
    chain: list[str]
    own: int
    stored: int


def _row(entry: Entry, file: str, size_of: SizeOf) -> _Row:
    own = source_bytes(replace(entry.source, inputs=()), entry.spec.nbytes, size_of)
    return _Row(entry, file, _chain(entry.source), own, entry_bytes(entry, size_of))


def _chain(source: Source) -> list[str]:
    """The names of the updates along the longest path to a base; of several such, the first."""
    names = [source.update]
    while source.inputs:
        source = max(source.inputs, key=lambda part: part.depth)
        names.append(source.update)
    return names


def chain_text(chain: list[str]) -> str:
    """A chain in words: `delta of dense`; the middle of a long one is only counted."""
    if len(chain) <= _MAX_CHAIN:
        return " of ".join(chain)
    return f"{chain[0]} of {len(chain) - 2} updates of {chain[-1]}"


def _row_json(row: _Row, *, is_shard: bool) -> dict[str, Any]:
    entry = row.entry
    file = {"file": row.file} if is_shard else {}
    return {
        "name": entry.name,
        "dtype": entry.spec.dtype,
        "shape": list(entry.spec.shape),
        "size": entry.spec.nbytes,
        "update": entry.source.update,
        "chain": row.chain,
        "source": str(entry.source),
        "own": row.own,
        "stored": row.stored,
        "digest": entry.digest,
        **file,
    }


def _table(rows: Sequence[_Row], weights: Sequence[QuantizedWeight]) -> Iterator[tuple[str, ...]]:
    """The rows, where the first parameter of a quantised weight has the weight above and the others below."""
    weight_of = {name: weight for weight in weights for name in weight.members}
    by_name = {row.entry.name: row for row in rows}
    shown: set[str] = set()
    for row in rows:
        weight = weight_of.get(row.entry.name)
        if weight is None:
            yield _cells(row)
        elif weight.name not in shown:
            shown.add(weight.name)
            members = [by_name[name] for name in weight.members]
            yield (
                printable(weight.label),
                weight.scheme,
                "x".join(map(str, weight.shape or ())),
                "",
                human_size(sum(member.entry.spec.nbytes for member in members)),
                human_size(sum(member.own for member in members)),
                human_size(sum(member.stored for member in members)),
                "",
                "",
            )
            for member in members:
                name, *cells = _cells(member)
                yield (f"  {name}", *cells)


def _cells(row: _Row) -> tuple[str, ...]:
    spec = row.entry.spec
    return (
        printable(row.entry.name),
        spec.dtype,
        "x".join(map(str, spec.shape)) or "scalar",
        chain_text(row.chain),
        human_size(spec.nbytes),
        human_size(row.own),
        human_size(row.stored),
        row.entry.digest[:12],
        printable(os.path.basename(row.file)),
    )
