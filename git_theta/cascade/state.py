"""The state of a cascade: what became of each step so far, and what was there before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from git_theta.cascade.plan import CascadeRequest, CascadeStep

#: States of a step. The first two are still to be done.
WAITING: Final = "waiting"
RUNNING: Final = "running"
MADE: Final = "made"
CURRENT: Final = "current"
FAILED: Final = "failed"
REJECTED: Final = "rejected"
BLOCKED: Final = "blocked"
STOPPED: Final = "stopped"

#: States of steps that aren't what the user asked for.
UNSUCCESSFUL: Final = frozenset((FAILED, REJECTED, BLOCKED))

#: When commits are made: one for each step, one at the end, or none.
EACH: Final = "each"
ONCE: Final = "once"
NONE: Final = "none"
COMMITS: Final = (ONCE, EACH, NONE)


@dataclass(frozen=True, slots=True)
class CascadeOptions:
    """The user's choices about how steps are carried out.

    Attributes:
        commit: One of `COMMITS`.
        max_drop: How much worse a model may be by its tests; `None` for what each test says.
        jobs: Steps to carry out at once.
        timeout: Seconds that a command may take; `None` for any time.
        to_stderr: Whether the output of commands goes to stderr.
        executor: The address of an executor whose workers run the commands; empty to run them here.
    """

    commit: str = ONCE
    max_drop: float | None = None
    jobs: int = 1
    timeout: float | None = None
    to_stderr: bool = False
    executor: str = ""


@dataclass(frozen=True, slots=True)
class MetricChange:
    """The value of a test before and after a model was made again.

    Attributes:
        test: Name of the test.
        before: Its value for the old version; `None` if there's none.
        after: Its value for the new version; `None` if there's none.
        problem: The reason why the new version isn't accepted; empty if it is.
    """

    test: str
    before: float | None
    after: float | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class StepState:
    """A step, and what became of it.

    Attributes:
        step: The step.
        status: One of the states above.
        problem: A sentence about why it wasn't successful; else empty.
        note: A sentence for the user about how the models were made; may be empty.
        seconds: Seconds that it took; `None` before that.
        tests: Path of a model → the values of its tests.
        before: Entries of the index before, of all files that the step changes.
        made: Path → digest of each new model.
    """

    step: CascadeStep
    status: str = WAITING
    problem: str = ""
    note: str = ""
    seconds: float | None = None
    tests: Mapping[str, tuple[MetricChange, ...]] = field(default_factory=dict)
    before: tuple[str, ...] = ()
    made: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether it's still to be done."""
        return self.status in (WAITING, RUNNING)

    @property
    def paths(self) -> tuple[str, ...]:
        """Paths of all files that it changes."""
        return tuple(line.partition("\t")[2] for line in self.before)

    def value(self, model: str) -> float | None:
        """The new value of a model's first test; `None` if there's none."""
        return next((each.after for each in self.tests.get(model, ())), None)


@dataclass(frozen=True, slots=True)
class CascadeState:
    """A cascade that was begun.

    Attributes:
        request: The user's choice of models.
        options: The user's choices about how.
        branch: The branch, as `refs/heads/…`; empty if HEAD is detached.
        start: The commit at the start.
        head: The commit that the cascade made last, or the one at the start.
        steps: The steps, each after all that it stands on.
        left: Path of an outdated model that's left as it is → the reason.
        is_committing: Whether the cascade was about to make a commit.
    """

    request: CascadeRequest
    options: CascadeOptions
    branch: str
    start: str
    head: str
    steps: tuple[StepState, ...]
    left: Mapping[str, str] = field(default_factory=dict)
    is_committing: bool = False

    def with_step(self, new: StepState) -> CascadeState:
        """The state with a new state of one step."""
        steps = tuple(new if each.step.name == new.step.name else each for each in self.steps)
        return replace(self, steps=steps)

    def step(self, name: str) -> StepState:
        """The state of a step, given its first model."""
        return next(each for each in self.steps if each.step.name == name)

    @property
    def unsuccessful(self) -> tuple[StepState, ...]:
        """Steps that failed, or that couldn't be tried."""
        return tuple(each for each in self.steps if each.status in UNSUCCESSFUL)

    @property
    def commits(self) -> bool:
        """Whether the cascade has made commits."""
        return self.start != self.head


def ready_steps(state: CascadeState) -> list[StepState]:
    """The steps that can be carried out now: all models that they stand on are there."""
    unfinished = {model for each in state.steps if each.is_open for model in each.step.models}
    return [
        each
        for each in state.steps
        if each.status == WAITING and not unfinished.intersection(each.step.after)
    ]


def with_ends(state: CascadeState, ended: Iterable[str] = ()) -> CascadeState:
    """The state with the ends of branches: steps below unsuccessful ones, and below models where it ends.

    Args:
        state: The state.
        ended: Models that are the last of their branches.
    """
    without = {
        model: f"{model} {_WORDS[each.status]}"
        for each in state.steps
        if each.status in UNSUCCESSFUL
        for model in each.step.models
    }
    last = dict.fromkeys(ended, "")
    last |= {model: "" for each in state.steps if each.status == STOPPED for model in each.step.models}
    for each in state.steps:
        if each.status != WAITING:
            continue
        lost = [name for name in each.step.after if name in without]
        if lost:
            state = state.with_step(replace(each, status=BLOCKED, problem=without[lost[0]]))
            without |= {model: f"{model} wasn't made again" for model in each.step.models}
        elif any(name in last for name in each.step.after):
            name = next(name for name in each.step.after if name in last)
            state = state.with_step(replace(each, status=STOPPED, note=f"the branch ends with {name}"))
            last |= dict.fromkeys(each.step.models, "")
    return state


def to_try_again(state: CascadeState) -> CascadeState:
    """The state with unsuccessful steps still to be done."""
    steps = tuple(
        StepState(each.step, before=each.before) if each.status in UNSUCCESSFUL else each
        for each in state.steps
    )
    return replace(state, steps=steps)


_WORDS: Final[Mapping[str, str]] = {
    FAILED: "couldn't be made again",
    REJECTED: "wasn't accepted",
    BLOCKED: "wasn't made again",
}
