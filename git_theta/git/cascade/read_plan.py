"""The plan of a cascade over the models of the index."""

from __future__ import annotations

from git_theta.cascade.plan import CascadePlan, CascadeRequest, Creation, plan_cascade
from git_theta.git.lineage.read_graph import graph_of, records_of_models
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
    return plan_cascade(graph_of(tree), _creations(tree), request)


def _creations(tree: LineageTree) -> dict[str, Creation]:
    """Path of a model → the way in which it was made, of those for which there's something to know."""
    found: dict[str, Creation] = {}
    for model, file in records_of_models(tree).items():
        facts = tree.facts_or_none(model)
        has_recipe = facts is not None and "recipe" in facts.updates.split(",")
        run = file.record.run if file.record else None
        if run:
            outputs = run.outputs or (model,)
            found[model] = Creation(run.command, run.folder, outputs, run.seconds, has_recipe)
        elif has_recipe:
            found[model] = Creation(has_recipe=True)
    return found
