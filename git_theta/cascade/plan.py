"""The plan of a cascade: which models are made again, in which order, and how."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from graphlib import CycleError, TopologicalSorter
from typing import Final

from git_theta.errors import UsageError
from git_theta.lineage.graph import Derivation, Graph, LineageError
from git_theta.runtime.suggest import did_you_mean

#: Ways to make a model again.
COMMAND: Final = "command"
RECIPE: Final = "recipe"
TRANSPLANT: Final = "transplant"

#: The relation of merges, which are merged again rather than moved in weight space.
_MERGE: Final = "merge"

#: The source of edges that the stored forms of both models show.
_FROM_MANIFESTS: Final = "manifest"


@dataclass(frozen=True, slots=True)
class Creation:
    """The way in which a model was made.

    Attributes:
        command: Words of the recorded command; none if nobody knows.
        folder: The folder that it ran in, from the top; empty for the top.
        outputs: All models that it makes, in the order of their numbers.
        seconds: Seconds that it took; `None` if nobody knows.
        has_recipe: Whether the model is stored as recipes of other models' parameters.
    """

    command: tuple[str, ...] = ()
    folder: str = ""
    outputs: tuple[str, ...] = ()
    seconds: float | None = None
    has_recipe: bool = False


@dataclass(frozen=True, slots=True)
class CascadeRequest:
    """The user's choices for a cascade.

    Attributes:
        bases: Paths of the models that were updated.
        targets: Paths of models; if there are any, only they and what leads to them are made.
        only: Patterns of models to make; all if there are none.
        skip: Patterns of models to leave as they are.
        until: The condition that ends a branch; empty for none.
        transplant: Whether models are made in weight space, even if their commands are known.
    """

    bases: tuple[str, ...]
    targets: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    until: str = ""
    transplant: bool = False


@dataclass(frozen=True, slots=True)
class CascadeStep:
    """Models that are made again at once: one, or all that a command makes.

    Attributes:
        models: Their paths, in the order of the command's outputs.
        action: `command`, `recipe` or `transplant`.
        parents: Paths of the models that they're made from.
        after: The parents that the cascade makes again before.
        changed: The parents because of which they're made again: those, and those that have changed already.
        relation: The kind of derivation.
        depth: The number of derivations between them and an updated model, at least.
        command: Words of the command; none without one.
        folder: The folder to run it in, from the top; empty for the top.
        seconds: Seconds that it took before; `None` if nobody knows.
    """

    models: tuple[str, ...]
    action: str
    parents: tuple[str, ...]
    after: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    relation: str = ""
    depth: int = 1
    command: tuple[str, ...] = ()
    folder: str = ""
    seconds: float | None = None

    @property
    def name(self) -> str:
        """The first model's path."""
        return self.models[0]


@dataclass(frozen=True, slots=True)
class CascadePlan:
    """The steps of a cascade.

    Attributes:
        steps: The steps, each after all that it stands on.
        left: Path of an outdated model that's left as it is → the reason.
        problems: Sentences about records that can't be read: their models may be descendants, too.
    """

    steps: tuple[CascadeStep, ...]
    left: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def seconds(self, jobs: int = 1) -> float:
        """Seconds from the first step to the last, as far as it's known how long steps take.

        Args:
            jobs: The number of steps that are carried out at once.
        """
        free = [0.0] * jobs
        ends: dict[str, float] = {}
        for step in self.steps:
            begins = max([heapq.heappop(free), *(ends[name] for name in step.after)])
            end = begins + (step.seconds or 0.0)
            heapq.heappush(free, end)
            ends |= dict.fromkeys(step.models, end)
        return max(ends.values(), default=0.0)

    @property
    def untimed(self) -> int:
        """The number of commands that nobody has timed."""
        return sum(step.action == COMMAND and step.seconds is None for step in self.steps)


def plan_cascade(graph: Graph, creations: Mapping[str, Creation], request: CascadeRequest) -> CascadePlan:
    """Plan a cascade: every outdated descendant once, after all its parents.

    A descendant is outdated if a parent isn't the version any more that its record names, if the record names
    no version, or if a parent is made again.

    Args:
        graph: The lineage.
        creations: Path of a model → the way in which it was made; left out if nobody knows.
        request: The user's choices.

    Raises:
        UsageError: A target isn't a descendant, or a pattern matches no descendant.
        LineageError: Models are derived from each other in a circle.
    """
    related = {name for base in request.bases for name in (base, *graph.descendants(base))}
    order = graph.restricted(related).topological()
    descendants = [name for name in order if name not in request.bases]
    _check_names(request, descendants)
    wanted = _leading_to(graph, request.targets) if request.targets else related
    depths = _depths(graph, request.bases)
    steps: list[CascadeStep] = []
    left: dict[str, str] = {}
    made: set[str] = set()
    for models in _in_order(graph, _groups(graph, descendants, creations, request)):
        edges = [
            edge for model in models for edge in graph.derivations_of(model) if edge.parent not in models
        ]
        changed = [edge.parent for edge in edges if _is_outdated(edge, related, made)]
        if not changed:
            continue
        reason = _reason_to_leave(models, creations, request, wanted)
        if reason:
            left |= dict.fromkeys(models, reason)
            continue
        creation = creations.get(models[0], Creation())
        parents = tuple(dict.fromkeys(edge.parent for edge in edges))
        action = _action(creation, edges, request)
        runs = action == COMMAND
        steps.append(
            CascadeStep(
                models,
                action,
                parents,
                tuple(name for name in parents if name in made),
                tuple(dict.fromkeys(changed)),
                next((edge.relation for edge in edges), ""),
                min(depths[model] for model in models),
                creation.command if runs else (),
                creation.folder if runs else "",
                creation.seconds if runs else None,
            )
        )
        made.update(models)
    return CascadePlan(tuple(steps), left)


def is_named(model: str, patterns: Iterable[str]) -> bool:
    """Whether a model's path, or a folder that it's in, matches one of the patterns; `*` also matches `/`."""
    parts = model.split("/")
    places = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    return any(fnmatchcase(place, pattern.rstrip("/")) for pattern in patterns for place in places)


def _check_names(request: CascadeRequest, descendants: list[str]) -> None:
    for target in request.targets:
        if target not in descendants:
            bases = ", ".join(request.bases)
            hint = did_you_mean(target, descendants) or "git theta lineage shows who is"
            raise UsageError(f"{target} isn't made from {bases}, as far as it's known", hint)
    for option, patterns in (("--only", request.only), ("--skip", request.skip)):
        for pattern in patterns:
            if not any(is_named(name, (pattern,)) for name in descendants):
                hint = did_you_mean(pattern, descendants) or "git theta lineage lists the descendants"
                raise UsageError(f"{option} {pattern}: no descendant has such a path", hint)


def _leading_to(graph: Graph, targets: Iterable[str]) -> set[str]:
    return {name for target in targets for name in (target, *graph.ancestors(target))}


def _depths(graph: Graph, bases: Iterable[str]) -> dict[str, int]:
    """Path → the least number of derivations between it and a base."""
    depths = dict.fromkeys(bases, 0)
    level, depth = list(depths), 0
    while level:
        depth += 1
        following = dict.fromkeys(child for name in level for child in graph.children(name))
        level = [child for child in following if child not in depths]
        depths |= dict.fromkeys(level, depth)
    return depths


def _groups(
    graph: Graph, models: Sequence[str], creations: Mapping[str, Creation], request: CascadeRequest
) -> list[tuple[str, ...]]:
    """The models, those together that one command makes: all their records say the same of it."""
    groups: dict[str, tuple[str, ...]] = {}
    for model in models:
        if model in groups:
            continue
        creation = creations.get(model, Creation())
        together = creation.outputs
        runs = _action(creation, graph.derivations_of(model), request) == COMMAND
        if (
            runs
            and len(together) > 1
            and all(name in models and _is_same(creations.get(name), creation) for name in together)
        ):
            groups |= dict.fromkeys(together, together)
        else:
            groups[model] = (model,)
    return list(dict.fromkeys(groups.values()))


def _is_same(one: Creation | None, other: Creation) -> bool:
    """Whether two models were made by one run."""
    if one is None:
        return False
    return (one.command, one.folder, one.outputs) == (other.command, other.folder, other.outputs)


def _in_order(graph: Graph, groups: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The groups, each after those of all its parents; in the order of names where that leaves a choice.

    Raises:
        LineageError: A command would need its own outputs.
    """
    group_of = {model: group for group in groups for model in group}
    sorter: TopologicalSorter[tuple[str, ...]] = TopologicalSorter()
    for group in sorted(groups):
        before = {group_of[name] for model in group for name in graph.parents(model) if name in group_of}
        sorter.add(group, *(before - {group}))
    try:
        sorter.prepare()
    except CycleError as error:
        names = ", ".join(sorted({model for group in error.args[1] for model in group}))
        raise LineageError(
            f"a command would make models from what is made from these: {names}",
            "their records say so: git theta lineage edit",
        ) from error
    order: list[tuple[str, ...]] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return order


def _is_outdated(edge: Derivation, related: Collection[str], made: Collection[str]) -> bool:
    if edge.parent in made:
        return True
    # An edge that is read off the manifests of both models is of the version that's there.
    return edge.parent in related and edge.is_current is not True and edge.source != _FROM_MANIFESTS


def _reason_to_leave(
    models: tuple[str, ...],
    creations: Mapping[str, Creation],
    request: CascadeRequest,
    wanted: Collection[str],
) -> str:
    """The reason why outdated models stay as they are; empty if they don't."""
    skipped = [name for name in models if is_named(name, request.skip)]
    if skipped:
        return "skipped" if skipped == list(models) else f"made together with {skipped[0]}, which is skipped"
    if request.only and not any(is_named(name, request.only) for name in models):
        return "not named by --only"
    if not any(name in wanted for name in models):
        return "not on the way to --to"
    others = creations[models[0]].outputs if models[0] in creations else ()
    mine = [name for name in others if name in request.bases]
    if mine and not request.transplant:
        return f"its command would make {mine[0]} again, too"
    return ""


def _action(creation: Creation, edges: Iterable[Derivation], request: CascadeRequest) -> str:
    is_merge = any(edge.relation == _MERGE for edge in edges)
    if creation.command and (is_merge or not request.transplant):
        return COMMAND
    return RECIPE if is_merge and creation.has_recipe else TRANSPLANT
