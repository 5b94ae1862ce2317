"""The option `--executor` of commands with many independent jobs."""

from __future__ import annotations

import click

from git_theta.jobs.executors import check_address


def _checked(_context: click.Context, _option: click.Parameter, address: str) -> str:
    check_address(address)
    return address


#: The address of an executor; empty for none.
executor_option = click.option(
    "--executor",
    default="",
    metavar="ADDRESS",
    callback=_checked,
    help="Let workers of a cluster do it, on what was pushed: dask: and the address of a scheduler.",
)
