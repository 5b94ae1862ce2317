"""`git theta ls-files`."""

from __future__ import annotations

import click

from git_theta.cli.render import print_json, print_table
from git_theta.errors import ThetaError
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.manifest_walk import index_manifests, revision_manifests
from git_theta.git.repository.repository import Repository
from git_theta.model.sizes import manifest_bytes
from git_theta.report.text import human_size, printable


@click.command("ls-files", short_help="List tracked checkpoints.")
@click.argument("rev", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(rev: str | None, as_json: bool) -> None:
    """List the checkpoints of the index or a revision, with their size and their stored size."""
    repository = Repository(Git())
    versions = revision_manifests(repository.git, rev) if rev else index_manifests(repository.git)
    rows = [
        (version.path, version.manifest, manifest_bytes(version.manifest, repository.store.size))
        for version in versions
        if version.manifest
    ]
    if as_json:
        print_json(
            [
                {
                    "path": path,
                    "format": manifest.format,
                    "parameters": len(manifest.entries),
                    "size": manifest.size,
                    "stored": stored,
                }
                for path, manifest, stored in rows
            ]
        )
    elif rows:
        print_table(
            ("path", "format", ">parameters", ">size", ">stored"),
            (
                (
                    printable(path),
                    manifest.format,
                    f"{len(manifest.entries):,}",
                    human_size(manifest.size),
                    human_size(stored),
                )
                for path, manifest, stored in rows
            ),
        )
    damaged = [version.path for version in versions if not version.manifest]
    if damaged:
        raise ThetaError(f"damaged manifests: {', '.join(damaged)}", "`git theta fsck` has details")
