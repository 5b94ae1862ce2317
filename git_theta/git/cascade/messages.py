"""Messages of the commits that a cascade makes."""

from __future__ import annotations

from collections.abc import Sequence

from git_theta.cascade.plan import COMMAND, RECIPE
from git_theta.cascade.state import CascadeState, StepState
from git_theta.report.text import plural
from git_theta.runtime.output import visible

_WAYS = {COMMAND: "by its command", RECIPE: "by its recipe"}


def message_of_step(step: StepState) -> str:
    """The message of a commit of what one step has made."""
    made = step.step
    more = f" and {plural(len(made.models) - 1, 'other')}" if len(made.models) > 1 else ""
    subject = f"Make {made.name}{more} again from {made.changed[0]}"
    return f"{visible(subject)}\n\n{_line(step)}\n"


def message_of_all(state: CascadeState, steps: Sequence[StepState]) -> str:
    """The message of a commit of all that a cascade has made."""
    count = sum(len(step.step.models) for step in steps)
    subject = f"Make {plural(count, 'model')} again from {', '.join(state.request.bases)}"
    return f"{visible(subject)}\n\n" + "".join(f"{_line(step)}\n" for step in steps)


def _line(step: StepState) -> str:
    made = step.step
    way = _WAYS.get(made.action, "in weight space")
    values = [
        f"{change.test} {change.after:.6g}"
        for changes in step.tests.values()
        for change in changes
        if change.after is not None
    ]
    tested = f"; {', '.join(values)}" if values else ""
    return visible(f"{', '.join(made.models)}: {way}, from {', '.join(made.changed)}{tested}")
