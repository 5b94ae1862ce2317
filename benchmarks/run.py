"""Run the benchmarks: `python -m benchmarks.run --help`."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from typing import TYPE_CHECKING

from benchmarks import deltas
from benchmarks.cases import CASES
from benchmarks.sandbox import TOOLS, Home
from benchmarks.steps import Plan

if TYPE_CHECKING:
    from benchmarks.rows import Row

RESULTS = Path(__file__).parent / "results"
_BUSY = 0.7
_DEFAULT = [name for name in CASES if name != "large"]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--case", "cases", multiple=True, type=click.Choice(list(CASES)), help="Run only this case; repeatable."
)
@click.option("--large", is_flag=True, help="Run with a 4 GB file, too: about 20 GB of disk, some minutes.")
@click.option("--repeat", default=5, show_default=True, help="Repetitions of every verb.")
@click.option(
    "--weights",
    type=click.Path(path_type=Path, exists=True),
    help="Measure the verbs with this safetensors file.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="A real float32 file for the stored sizes; repeatable.",
)
@click.option(
    "--families",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder of fine-tunes of one base, for the deltas.",
)
@click.option(
    "--models",
    "published",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder of published models, for the deltas.",
)
@click.option("--directory", type=click.Path(path_type=Path, file_okay=False), help="For temporary files.")
@click.option("--tool", "tools", multiple=True, type=click.Choice(list(TOOLS)), help="Only this tool.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="The JSON file.")
def main(
    cases: tuple[str, ...],
    large: bool,
    repeat: int,
    weights: Path | None,
    models: tuple[Path, ...],
    families: Path | None,
    published: Path | None,
    directory: Path | None,
    tools: tuple[str, ...],
    output: Path | None,
) -> None:
    """Measure git-theta against Git LFS, verb by verb, in the same run.

    Exits with 1 if a target isn't met.
    """
    console = Console()
    load = os.getloadavg()[0]
    if load > _BUSY:
        console.print(f"[yellow]The machine is busy (load {load:.1f}): ratios will be off.[/yellow]")
    chosen = list(cases) or [*_DEFAULT, *(["large"] if large else [])]
    output = output or RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="theta-bench-", dir=directory) as name:
        folder = Path(name)
        homes = tuple(Home.create(TOOLS[tool], folder / tool) for tool in tools or TOOLS)
        environment = _environment(homes[0]) | {"load at start": load}
        plan = Plan(homes, folder, repeat, weights, models, families, published)
        for case in chosen:
            console.print(f"[bold]{case}[/bold]: {(CASES[case].__doc__ or '').strip()}")
            for row in CASES[case](plan):
                console.print(f"  {row.name}: {_figure(row)}", highlight=False)
                rows.append(row)
                # After each row, so that an interrupted run keeps its rows.
                _save(output, rows, environment)
    shares = [row for row in rows if isinstance(row, deltas.Share)]
    others = [row for row in rows if not isinstance(row, deltas.Share)]
    if others:
        console.print(_table(others, homes))
    if shares:
        # In a pipe, a console has 80 columns: too few for this table.
        Console(width=max(console.width, deltas.WIDTH)).print(deltas.table(shares))
        console.print(*deltas.notes(shares), sep="\n", highlight=False, soft_wrap=True)
    console.print(f"written to {output}", highlight=False)
    sys.exit(1 if any(row.met is False for row in rows) else 0)


def _save(output: Path, rows: list[Row], environment: dict[str, object]) -> None:
    report = {"environment": environment, "rows": [row.to_json() for row in rows]}
    output.write_text(json.dumps(report, indent=2) + "\n")


def _table(rows: list[Row], homes: tuple[Home, ...]) -> Table:
    table = Table(title="git-theta against Git LFS")
    for heading in ("", *(home.tool.name for home in homes), "ratio", "target", ""):
        table.add_column(heading, justify="right" if heading else "left")
    for row in rows:
        columns = [_value(row.theta, row.unit)]
        if len(homes) > 1:
            columns.append(_value(row.lfs, row.unit) if row.lfs else "")
        ratio = f"{row.ratio:.2f}x" if row.lfs else ""
        verdict = {True: "[green]met[/green]", False: "[red]missed[/red]", None: ""}[row.met]
        table.add_row(row.name, *columns, ratio, _target(row), verdict)
    return table


def _target(row: Row) -> str:
    if row.limit is None:
        return ""
    return f"{row.limit:.2f}x" if row.relative else f"{row.limit:g} {row.unit}"


def _figure(row: Row) -> str:
    return f"{row.figure:.3f}x" if row.relative else _value(row.theta, row.unit)


def _value(samples: tuple[float, ...], unit: str) -> str:
    middle = sorted(samples)[len(samples) // 2]
    digits = {
        "s": 3,
        "of file": 3,
        "of added": 3,
        deltas.UNIT: 3,
        "MB": 1,
        "KB": 1,
        "times": 2,
        "processes": 0,
    }[unit]
    return f"{middle:.{digits}f} {unit}"


def _environment(home: Home) -> dict[str, object]:
    """The machine and the versions of programs."""

    def ask(*command: str) -> str:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=home.env, cwd=home.root
        )
        return done.stdout.strip()

    source = str(Path(__file__).resolve().parent)
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "commit": ask("git", "-C", source, "describe", "--always", "--dirty"),
        "git": ask("git", "--version"),
        "git-lfs": ask("git", "lfs", "version"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
    }


if __name__ == "__main__":
    main()
