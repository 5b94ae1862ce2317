"""The plan of a cascade over the models of the index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from git_theta.cascade.plan import CascadePlan, CascadeRequest, Creation, plan_cascade
from git_theta.git.lineage.read_graph import RecordFile, graph_of, records_of_models
from git_theta.git.lineage.tree import LineageTree


def read_plan(tree: LineageTree, request: CascadeRequest) -> CascadePlan:
    """Plan a cascade.

    Args:
        tree: The index.
        request: The user's choices.

    Raises:
        UsageError: A name or a pattern stands for no descendant.
        LineageError: Models are derived from each other in a circle.
    """
    records = records_of_models(tree)
    plan = plan_cascade(graph_of(tree), _creations(tree, records), request)
    problems = tuple(
        f"the record of {model} can't be read, and the model stays: {file.problem}"
        for model, file in records.items()
        if file.problem
    )
    return replace(plan, problems=problems)


def _creations(tree: LineageTree, records: Mapping[str, RecordFile]) -> dict[str, Creation]:
    """Path of a model → the way in which it was made, of those for which there's something to know."""
    found: dict[str, Creation] = {}
    for model, file in records.items():
        facts = tree.facts_or_none(model)
        has_recipe = facts is not None and "recipe" in facts.updates.split(",")
        run = file.record.run if file.record else None
        if run:
            outputs = run.outputs or (model,)
            found[model] = Creation(run.command, run.folder, outputs, run.seconds, has_recipe)
        elif has_recipe:
            found[model] = Creation(has_recipe=True)
    return found
