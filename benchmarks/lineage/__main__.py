"""Measure lineage: `python -m benchmarks.lineage --help`."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from benchmarks.lineage import cascades, inference, lossy, many_models, storage
from benchmarks.lineage.shapes.library import SHAPES, read_or_make
from benchmarks.sandbox import THETA, Home

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from benchmarks.lineage.figure import Figure

_RESULTS = Path(__file__).parent.parent / "results"

#: Figures about graphs, and others.
_OF_GRAPHS = {"inference": inference.graph_figures, "storage": storage.storage_figures}
_OTHERS = ("together", "trees", "insertion", "many")

#: Figures about the adaptation graph G2, of which models are tested or trained: only if asked for.
_OF_ADAPTATION = {"lossy": lossy.lossy_figures, "cascade": cascades.cascade_figures}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--figure",
    "chosen",
    multiple=True,
    type=click.Choice([*_OF_GRAPHS, *_OTHERS, *_OF_ADAPTATION]),
    help="Measure only this; repeatable. By default all, but not lossy and cascade, which take long.",
)
@click.option("--shape", "shapes", multiple=True, type=click.Choice(list(SHAPES)), help="Only this graph.")
@click.option(
    "--scratch",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder that keeps trained models for the next run; by default, they're trained anew.",
)
@click.option("--models", default=1000, show_default=True, help="The number of models of the largest runs.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="The JSON file.")
def main(
    chosen: tuple[str, ...], shapes: tuple[str, ...], scratch: Path | None, models: int, output: Path | None
) -> None:
    """Train graphs of models, and measure how lineage is found, how fast, and what they take in storage.

    Exits with 1 if a target isn't met.
    """
    console = Console()
    output = output or _RESULTS / f"lineage-{time.strftime('%Y%m%d-%H%M%S')}.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="theta-lineage-") as name:
        folder = Path(name)
        home = Home.create(THETA, folder / "theta")
        wanted = chosen or (*_OF_GRAPHS, *_OTHERS)
        for figure in _measure(wanted, shapes or tuple(SHAPES), scratch or folder / "graphs", home, models):
            console.print(f"  {figure.name}: {figure.text} {figure.remark}", highlight=False)
            figures.append(figure)
            output.write_text(json.dumps([each.to_json() for each in figures], indent=2) + "\n")
    console.print(_table(figures))
    console.print(f"written to {output}", highlight=False)
    sys.exit(1 if any(figure.is_met is False for figure in figures) else 0)


def _measure(
    wanted: Iterable[str], shapes: Iterable[str], scratch: Path, home: Home, models: int
) -> Iterator[Figure]:
    for name in wanted:
        if name in _OF_GRAPHS:
            for shape in shapes:
                yield from _OF_GRAPHS[name](read_or_make(shape, scratch), home)
        elif name in _OF_ADAPTATION:
            yield from _OF_ADAPTATION[name](read_or_make("G2", scratch), home)
        elif name == "together":
            yield from inference.together([read_or_make(shape, scratch) for shape in shapes], home)
        elif name == "trees":
            yield from inference.tree_figures()
        elif name == "insertion":
            yield from many_models.insertion_figures(home, 2 * models)
        else:
            yield from many_models.many_figures(home, models)


def _table(figures: Iterable[Figure]) -> Table:
    table = Table(title="Lineage")
    for heading in ("", "figure", "target", "", "remark"):
        table.add_column(heading)
    for figure in figures:
        verdict = {True: "[green]met[/green]", False: "[red]missed[/red]", None: ""}[figure.is_met]
        table.add_row(figure.name, figure.text, figure.target, verdict, figure.remark)
    return table


if __name__ == "__main__":
    main()
