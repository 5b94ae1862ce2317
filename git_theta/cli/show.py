"""`git theta show`."""

from __future__ import annotations

import click

from git_theta.cli.render import human_size, plural, print_json, print_table, printable, ratio
from git_theta.cost import entry_bytes, manifest_bytes
from git_theta.git.command import Git
from git_theta.git.find import find_manifest
from git_theta.git.repository import Repository

_EPILOG = """\b
Examples:
  git theta show model.safetensors           as it is in the index
  git theta show HEAD~1:models/base.pt       in a commit, path from the top
  git theta show main:./base.pt --sort size  path from this folder
"""


@click.command("show", epilog=_EPILOG, short_help="Show a checkpoint's parameters and what they cost.")
@click.argument("version", metavar="[REV:]PATH")
@click.option(
    "--sort", type=click.Choice(["name", "size", "stored"]), default="name", help="Order of the rows."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(version: str, sort: str, as_json: bool) -> None:
    """Show every parameter: dtype, shape, how it's stored, what that costs, and its digest."""
    repository = Repository(Git())
    manifest = find_manifest(repository.git, version)
    size_of = repository.store.size
    entries = [(entry, entry_bytes(entry, size_of)) for entry in manifest.entries]
    if sort == "size":
        entries.sort(key=lambda pair: -pair[0].spec.nbytes)
    elif sort == "stored":
        entries.sort(key=lambda pair: -pair[1])
    stored = manifest_bytes(manifest, size_of)
    if as_json:
        print_json(
            {
                "format": manifest.format,
                "size": manifest.size,
                "stored": stored,
                "layout": {"digest": manifest.layout.digest, "stored": entry_bytes(manifest.layout, size_of)},
                "parameters": [
                    {
                        "name": entry.name,
                        "dtype": entry.spec.dtype,
                        "shape": list(entry.spec.shape),
                        "size": entry.spec.nbytes,
                        "update": entry.source.update,
                        "source": str(entry.source),
                        "stored": cost,
                        "digest": entry.digest,
                    }
                    for entry, cost in entries
                ],
            }
        )
        return
    print_table(
        ("parameter", "dtype", "shape", "update", ">size", ">stored", "digest"),
        (
            (
                printable(entry.name),
                entry.spec.dtype,
                "x".join(map(str, entry.spec.shape)) or "scalar",
                entry.source.update,
                human_size(entry.spec.nbytes),
                human_size(cost),
                entry.digest[:12],
            )
            for entry, cost in entries
        ),
    )
    click.echo(
        f"\n{plural(len(entries), 'parameter')}, {manifest.format}: {human_size(manifest.size)}, "
        f"stored {human_size(stored)}, ratio {ratio(stored, manifest.size)}"
    )
