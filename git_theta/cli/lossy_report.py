"""The report of `git theta add --guard`: what lossy storage cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from git_theta.cli.render import print_table
from git_theta.lossy.report import GuardedMetric, ModelCost
from git_theta.report.text import human_size, plural
from git_theta.runtime.output import say, warn

#: Parameters that are named for each model.
_SHOWN = 5


def tell_cost(cost: ModelCost) -> None:
    """Say on stderr that a model has a plan."""
    stored = f"{human_size(cost.exact)} as {human_size(cost.stored)}"
    warn(f"{cost.model}: {stored}, after {plural(cost.runs, 'candidate')}")


def print_costs(costs: Sequence[ModelCost], *, is_dry: bool) -> None:
    """Print a table of the models, and what was lost."""
    if not any(cost.parameters for cost in costs):
        say("Nothing changed: earlier versions have these values exactly, or no value may be lossy.")
        return
    columns = ("model", ">size", ">exact", ">stored", ">ratio", ">mean error", ">largest", "tests")
    print_table(columns, map(_row, costs))
    for cost in costs:
        for line in _notes(cost):
            say(line)
    size, stored = sum(cost.size for cost in costs), sum(cost.stored for cost in costs)
    files = f"{plural(len(costs), 'model')}, {human_size(size)}"
    if is_dry:
        say(f"{files}: would be stored as {human_size(stored)}. Nothing was changed.")
    else:
        say(f"{files}: stored as {human_size(stored)}, written and staged.")


def _row(cost: ModelCost) -> tuple[str, ...]:
    return (
        cost.model,
        human_size(cost.size),
        human_size(cost.exact),
        human_size(cost.stored),
        f"{cost.size / cost.stored:.1f}" if cost.stored else "-",
        f"{cost.mean_error:.2g}",
        f"{cost.largest_error:.2g}",
        ", ".join(map(_metric, cost.metrics)),
    )


def _metric(change: GuardedMetric) -> str:
    if change.before is None or change.after is None:
        return f"{change.test} holds"
    return f"{change.test} {change.before:.5g} → {change.after:.5g}"


def _notes(cost: ModelCost) -> Iterator[str]:
    backed_off = [name for each in cost.backed_off for name in each.names[:1]]
    if backed_off:
        shown = ", ".join(backed_off[:_SHOWN]) + (", …" if len(backed_off) > _SHOWN else "")
        yield f"{cost.model}: finer or exact, for the tests' sake: {shown}"
    if cost.is_cut:
        yield f"{cost.model}: the budget of {plural(cost.runs, 'candidate')} ended the search"
