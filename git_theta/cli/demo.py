"""`git theta demo`."""

from __future__ import annotations

from pathlib import Path

import click

from git_theta.cli.render import console


@click.command("demo", short_help="Try git-theta on a real model in a new repository.")
@click.argument("directory", type=click.Path(path_type=Path), default=Path("git-theta-demo"))
def command(directory: Path) -> None:
    """Make a repository in DIRECTORY, train a small model in it, and version it.

    A classifier of handwritten digits is trained, fine-tuned on two branches, merged, and checked out again;
    every version must come back bit for bit and with its accuracy. Takes some seconds.
    """
    from git_theta.demo.walkthrough import run

    run(directory, console())
