"""`git theta ls-files`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from git_theta.cli.render import print_json, print_table
from git_theta.errors import ThetaError
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.manifest_walk import index_manifests, revision_manifests
from git_theta.git.repository.models import group_models
from git_theta.git.repository.repository import Repository
from git_theta.model.sizes import SizeOf, payload_bytes
from git_theta.report.text import human_size, printable
from git_theta.runtime.output import say
from git_theta.sharding.joined import ModelVersion
from git_theta.sharding.parts import ModelParts, single_file


@click.command("ls-files", short_help="List tracked models.")
@click.argument("rev", required=False)
@click.option("--files", "by_file", is_flag=True, help="List every file, also shards of a model.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(rev: str | None, by_file: bool, as_json: bool) -> None:
    """List the models of the index or a revision, with their size and their stored size.

    The shards of a model are one line, under the path that the model would have as one file. Other commands
    take that path, too.
    """
    repository = Repository(Git())
    versions = revision_manifests(repository.git, rev) if rev else index_manifests(repository.git)
    found = {version.path: version.manifest for version in versions if version.manifest}
    parts = map(single_file, found) if by_file else group_models(repository.git, found, rev)
    models = [ModelVersion(each, tuple(found[path] for path in each.files)) for each in parts]
    rows = [_row(model, repository.store.size) for model in models]
    if as_json:
        print_json([_as_json(row) for row in rows])
    elif rows:
        print_table(("path", "format", ">parameters", ">size", ">stored"), map(_cells, rows))
        say(*(f"{printable(row.parts.problem)}" for row in rows if row.parts.problem))
    damaged = [version.path for version in versions if not version.manifest]
    if damaged:
        raise ThetaError(f"damaged manifests: {', '.join(damaged)}", "`git theta fsck` has details")


@dataclass(frozen=True, slots=True)
class _Row:
    """A model and its sizes.

    Attributes:
        parts: Its files.
        format: The format of the files; several with commas between, if they differ.
        parameters: The number of parameters.
        size: Bytes of the files.
        stored: Bytes of the payloads that the files need.
    """

    parts: ModelParts
    format: str
    parameters: int
    size: int
    stored: int


def _row(model: ModelVersion, size_of: SizeOf) -> _Row:
    manifests = model.manifests
    refs = {ref for each in manifests for entry in each.all_entries() for ref in entry.source.payloads()}
    return _Row(
        model.parts,
        ", ".join(sorted({manifest.format for manifest in manifests})),
        sum(len(manifest.entries) for manifest in manifests),
        sum(manifest.size for manifest in manifests),
        payload_bytes(refs, size_of),
    )


def _cells(row: _Row) -> tuple[str, ...]:
    return (
        printable(row.parts.title),
        row.format,
        f"{row.parameters:,}",
        human_size(row.size),
        human_size(row.stored),
    )


def _as_json(row: _Row) -> dict[str, Any]:
    found = {
        "path": row.parts.name,
        "format": row.format,
        "parameters": row.parameters,
        "size": row.size,
        "stored": row.stored,
    }
    if not row.parts.is_sharded:
        return found
    more = {"files": list(row.parts.files), "index": row.parts.index, "problem": row.parts.problem}
    return {**found, **more}
