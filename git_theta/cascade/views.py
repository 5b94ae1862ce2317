"""Views of cascades: lines for a terminal, and JSON."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import Any, Final

from git_theta.cascade.plan import COMMAND, RECIPE, TRANSPLANT, CascadePlan, CascadeStep
from git_theta.cascade.state import (
    BLOCKED,
    CURRENT,
    FAILED,
    MADE,
    REJECTED,
    RUNNING,
    STOPPED,
    WAITING,
    MetricChange,
    StepState,
)
from git_theta.cascade.state_text import finite

#: Ways to make a model, in words.
_WAYS: Final = {COMMAND: "by its command", RECIPE: "by its recipe", TRANSPLANT: "in weight space"}

_MINUTE: Final = 60
_HOUR: Final = 3600

_WORDS: Final = {
    FAILED: "failed",
    REJECTED: "not accepted",
    BLOCKED: "not tried",
    STOPPED: "left as it is",
    CURRENT: "up to date",
    WAITING: "not made yet",
    RUNNING: "not finished",
}

#: Whether a step was successful, as JSON has it; `None` while that's open, or if the user wanted no more.
_OK: Final = {MADE: True, CURRENT: True, FAILED: False, REJECTED: False, BLOCKED: False}


def plan_lines(plan: CascadePlan, jobs: int = 1, *, with_commands: bool) -> list[str]:
    """A plan as lines: each step with the way and its parents, the models that are left, the time.

    Args:
        plan: The plan.
        jobs: The number of steps that are carried out at once.
        with_commands: Whether the words of commands are below the steps that run them.
    """
    lines = []
    for step in plan.steps:
        time = f", ~{rough_duration(step.seconds)}" if step.seconds is not None else ""
        lines.append(f"{', '.join(step.models)}  {_WAYS[step.action]} from {', '.join(step.changed)}{time}")
        if with_commands and step.command:
            place = f" (in {step.folder})" if step.folder else ""
            lines.append(f"    {shlex.join(step.command)}{place}")
    lines += [f"{model}  stays: {reason}" for model, reason in plan.left.items()]
    return [*lines, _total(plan, jobs)] if plan.steps else lines


def _total(plan: CascadePlan, jobs: int) -> str:
    count = sum(len(step.models) for step in plan.steps)
    models = f"{count:,} model" + ("" if count == 1 else "s")
    if not any(step.seconds is not None for step in plan.steps):
        return f"{models} to make"
    unknown = f", and {plan.untimed} whose time isn't known" if plan.untimed else ""
    return f"{models} to make, in about {rough_duration(plan.seconds(jobs))}{unknown}"


def rough_duration(seconds: float) -> str:
    """A duration in one number, as estimates have it: `12 s`, `3 min`, `2.5 h`."""
    if seconds < _MINUTE:
        return f"{seconds:.2g} s" if seconds < 1 else f"{seconds:.0f} s"
    return f"{seconds / _MINUTE:.0f} min" if seconds < _HOUR else f"{seconds / _HOUR:.1f} h"


def start_line(step: CascadeStep) -> str:
    """A line about a step that begins."""
    return f"making {', '.join(step.models)}"


def step_lines(state: StepState) -> list[str]:
    """Lines about a step that has ended: one for each model."""
    lines = []
    for model in state.step.models:
        if state.status != MADE:
            reason = state.problem or state.note
            lines.append(f"{model}: {_WORDS[state.status]}" + (f": {reason}" if reason else ""))
            continue
        told = [state.note] if state.note else []
        told += [_metric(change) for change in state.tests.get(model, ())]
        time = f" in {rough_duration(state.seconds)}" if state.seconds else ""
        lines.append(f"{model}: made{time}" + "".join(f"; {each}" for each in told))
    return lines


def _metric(change: MetricChange) -> str:
    if change.after is None:
        return f"{change.test} passes"
    before = "" if change.before is None else f"{change.before:.6g} → "
    return f"{change.test} {before}{change.after:.6g}"


def steps_json(steps: Iterable[StepState]) -> list[dict[str, Any]]:
    """The steps as JSON has them: an object for each model."""
    return [_model_json(each, model) for each in steps for model in each.step.models]


def _model_json(state: StepState, model: str) -> dict[str, Any]:
    step = state.step
    return {
        "model": model,
        "action": step.action,
        "parents": list(step.parents),
        "changed": list(step.changed),
        "command": list(step.command) or None,
        "ok": _OK.get(state.status),
        "status": state.status,
        "value": finite(state.value(model)),
        "seconds": step.seconds if state.status == WAITING else state.seconds,
        "problem": state.problem or None,
        "note": state.note or None,
        "digest": state.made.get(model),
        "tests": [
            {
                "test": change.test,
                "before": finite(change.before),
                "after": finite(change.after),
                "problem": change.problem or None,
            }
            for change in state.tests.get(model, ())
        ],
    }
