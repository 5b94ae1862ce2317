"""Fuzz the readers: `python -m tests.fuzz --help`."""

from __future__ import annotations

import sys
import time
import traceback
from pathlib import Path

import click

from tests.fuzz.campaign import Outcome, run
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS


@click.command()
@click.argument("names", nargs=-1, metavar="[TARGET]…")
@click.option("--count", default=100_000, show_default=True, help="Inputs for each target.")
@click.option("--seed", default=None, type=int, help="Seed of the inputs; printed if it isn't given.")
@click.option("--first", default=0, show_default=True, help="Number of the first input.")
@click.option(
    "--keep",
    default=Path("fuzz-failures"),
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder for inputs that failed.",
)
def main(names: tuple[str, ...], count: int, seed: int | None, first: int, keep: Path) -> None:
    """Give each reader inputs that are wrong in any way.

    An input must be read rightly or refused by one ThetaError, within two seconds and a GiB. A seed and the
    number of an input give that input again.
    """
    unknown = sorted(set(names) - TARGETS.keys())
    if unknown:
        raise click.UsageError(f"unknown target {unknown[0]}; there are: {', '.join(TARGETS)}")
    seed = time.time_ns() % 1_000_000 if seed is None else seed
    click.echo(f"seed {seed}")
    failed = False
    for name in names or TARGETS:
        outcome = run(TARGETS[name], seed, range(first, first + count))
        failed = failed or bool(outcome.failures)
        _report(TARGETS[name], seed, outcome, keep)
    sys.exit(1 if failed else 0)


def _report(target: Target, seed: int, outcome: Outcome, keep: Path) -> None:
    seconds, slowest = outcome.slowest
    click.echo(
        f"{target.name}: {outcome.read} read, {outcome.refused} refused, {len(outcome.failures)} failed; "
        f"the slowest, {slowest}, took {seconds:.2f} s"
    )
    for failure in outcome.failures:
        keep.mkdir(parents=True, exist_ok=True)
        path = keep / f"{target.name}-{seed}-{failure.index}"
        path.write_bytes(failure.data)
        click.echo(
            f"  again: python -m tests.fuzz {target.name} --seed {seed} --first {failure.index} --count 1"
        )
        click.echo("".join(traceback.format_exception(failure.error)))


if __name__ == "__main__":
    main()
