"""States of cascades: which steps are next, and where branches end."""

from __future__ import annotations

from dataclasses import replace

from git_theta.cascade.plan import CascadeRequest, CascadeStep
from git_theta.cascade.state import (
    BLOCKED,
    FAILED,
    MADE,
    REJECTED,
    RUNNING,
    STOPPED,
    WAITING,
    CascadeOptions,
    CascadeState,
    MetricChange,
    StepState,
    ready_steps,
    to_try_again,
    with_ends,
)


def state(**statuses: str) -> CascadeState:
    """A diamond with a tail, and a model beside it."""
    after = {"a": (), "b": (), "m": ("a", "b"), "q": ("m",), "c": ()}
    steps = tuple(
        StepState(
            CascadeStep((name,), "command", ("base", *above), above, above), statuses.get(name, WAITING)
        )
        for name, above in after.items()
    )
    return CascadeState(CascadeRequest(("base",)), CascadeOptions(), "refs/heads/main", "1", "1", steps)


def statuses(found: CascadeState) -> dict[str, str]:
    return {each.step.name: each.status for each in found.steps}


def test_steps_wait_for_all_that_they_stand_on() -> None:
    assert [each.step.name for each in ready_steps(state())] == ["a", "b", "c"]
    assert [each.step.name for each in ready_steps(state(a=MADE, b=RUNNING, c=MADE))] == []
    assert [each.step.name for each in ready_steps(state(a=MADE, b=MADE, c=RUNNING))] == ["m"]


def test_a_branch_that_fails_stops_there_and_others_go_on() -> None:
    found = with_ends(state(a=FAILED))
    assert statuses(found) == {"a": FAILED, "b": WAITING, "m": BLOCKED, "q": BLOCKED, "c": WAITING}
    assert found.step("m").problem == "a couldn't be made again"
    assert found.step("q").problem == "m wasn't made again"
    assert with_ends(state(b=REJECTED)).step("m").problem == "b wasn't accepted"
    again = to_try_again(found)
    assert statuses(again) == dict.fromkeys("abmqc", WAITING)
    assert again.step("m").problem == ""


def test_a_branch_ends_where_its_condition_is_true() -> None:
    found = with_ends(state(a=MADE, b=MADE), ["b"])
    assert statuses(found) == {"a": MADE, "b": MADE, "m": STOPPED, "q": STOPPED, "c": WAITING}
    assert found.unsuccessful == ()


def test_the_value_of_a_model_is_that_of_its_first_test() -> None:
    tests = {"a": (MetricChange("one", 1.0, 2.0), MetricChange("two", 1.0, 3.0))}
    found = replace(state().steps[0], tests=tests)
    assert (found.value("a"), found.value("b")) == (2.0, None)
