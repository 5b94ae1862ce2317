"""Plans of cascades: which models, in which order, and how."""

from __future__ import annotations

import pytest

from git_theta.cascade.plan import CascadeRequest, Creation, is_named, plan_cascade
from git_theta.errors import UsageError
from git_theta.lineage.graph import Derivation, Graph, LineageError, ModelNode


def graph(*edges: str, current: str = "", relation: str = "finetune", source: str = "recorded") -> Graph:
    """A graph of edges `child<parent`; those to the names in `current` are of the parent's version of now."""
    pairs = [edge.split("<") for edge in edges]
    names = dict.fromkeys(name for pair in pairs for name in pair)
    derivations = tuple(
        Derivation(child, parent, relation, source, is_current=parent in current.split())
        for child, parent in pairs
    )
    return Graph({name: ModelNode(name) for name in names}, derivations)


def made(
    found: Graph, *bases: str, creations: dict[str, Creation] | None = None, **choices: object
) -> list[str]:
    request = CascadeRequest(bases, **choices)  # type: ignore[arg-type]
    plan = plan_cascade(found, creations or {}, request)
    return [" ".join(step.models) for step in plan.steps]


def run(*outputs: str, words: str = "train") -> dict[str, Creation]:
    return dict.fromkeys(outputs, Creation((words,), outputs=outputs, seconds=2.0))


DIAMOND = ("left<base", "right<base", "merge<left", "merge<right", "quant<merge")


def test_a_diamond_is_made_once_and_after_both_parents() -> None:
    """MGit makes a model with two affected parents twice, and perhaps before its second parent."""
    found = graph(*DIAMOND, "a<quant", "a<left", "a<base", current="left right merge quant")
    assert made(found, "base") == ["left", "right", "merge", "quant", "a"]
    step = plan_cascade(found, {}, CascadeRequest(("base",))).steps[-1]
    assert (step.parents, step.after, step.depth) == (("quant", "left", "base"), ("quant", "left"), 1)


def test_models_that_are_up_to_date_stay() -> None:
    found = graph("a<base", "b<base", "c<a", "d<b", current="base a")
    assert made(found, "base") == ["d"]
    assert made(graph("a<base", "b<a", current="base a"), "base") == []
    assert made(graph("a<base", "b<a", current="a"), "base") == ["a", "b"]


def test_equal_parents_are_parents() -> None:
    """MGit leaves out parents with equal parameters."""
    found = graph("child<one", "child<other")
    step = plan_cascade(found, {}, CascadeRequest(("one",))).steps[0]
    assert (step.models, step.parents, step.changed) == (("child",), ("one", "other"), ("one",))


def test_unknown_versions_of_parents_are_outdated_unless_manifests_show_them() -> None:
    edge = Derivation("a", "base", "finetune", "card")
    nodes = {name: ModelNode(name) for name in ("a", "base")}
    assert made(Graph(nodes, (edge,)), "base") == ["a"]
    edge = Derivation("a", "base", "merge", "manifest")
    assert made(Graph(nodes, (edge,)), "base") == []


def test_models_to_skip_and_those_below() -> None:
    """MGit ignores the function that says what to skip."""
    found = graph("a<base", "b<base", "c<a", "c<b", "d<a", current="a b")
    assert made(found, "base", skip=("a",)) == ["b", "c"]
    assert made(found, "base", only=("b", "c")) == ["b", "c"]
    assert made(found, "base", targets=("d",)) == ["a", "d"]
    plan = plan_cascade(found, {}, CascadeRequest(("base",), skip=("a",)))
    assert dict(plan.left) == {"a": "skipped"}


def test_a_model_updated_by_hand_is_a_base_and_not_made() -> None:
    assert made(graph("a<base", "b<a", "c<b"), "base", "a") == ["b", "c"]


def test_a_command_with_several_outputs_runs_once() -> None:
    found = graph("heads/a<base", "heads/b<base", "c<heads/b", current="heads/b")
    creations = run("heads/a", "heads/b")
    assert made(found, "base", creations=creations) == ["heads/a heads/b", "c"]
    assert made(found, "base", creations=creations, only=("heads/b",)) == ["heads/a heads/b"]
    plan = plan_cascade(found, creations, CascadeRequest(("base",), skip=("heads/a",)))
    assert plan.left["heads/b"] == "made together with heads/a, which is skipped"
    assert made(found, "base", creations=creations, transplant=True) == ["heads/a", "heads/b", "c"]
    other = {**creations, "heads/b": Creation(("other",), outputs=("heads/a", "heads/b"))}
    assert made(found, "base", creations=other) == ["heads/a", "heads/b", "c"]


def test_a_command_that_makes_an_updated_model_does_not_run() -> None:
    found = graph("a<base", "b<base")
    plan = plan_cascade(found, run("a", "b"), CascadeRequest(("base", "a")))
    assert (plan.steps, dict(plan.left)) == ((), {"b": "its command would make a again, too"})


def test_actions() -> None:
    finetune, merge = graph("a<base"), graph("a<base", relation="merge")
    for found, creation, transplant, action in (
        (finetune, Creation(("train",)), False, "command"),
        (finetune, Creation(("train",)), True, "transplant"),
        (finetune, Creation(), False, "transplant"),
        (merge, Creation(("combine",)), True, "command"),
        (merge, Creation(has_recipe=True), False, "recipe"),
        (finetune, Creation(has_recipe=True), False, "transplant"),
    ):
        request = CascadeRequest(("base",), transplant=transplant)
        step = plan_cascade(found, {"a": creation}, request).steps[0]
        assert step.action == action, creation
        assert bool(step.command) == (action == "command")


def test_the_time_of_a_plan() -> None:
    found = graph("a<base", "b<base", "c<base", "d<base")
    creations = {**run("a", "b"), "c": Creation(("train",))}
    plan = plan_cascade(found, creations, CascadeRequest(("base",)))
    assert (plan.seconds(), plan.untimed) == (2.0, 1)


def test_the_time_of_steps_at_once() -> None:
    found = graph("a<base", "b<base", "c<base", "soup<a", "soup<b")
    creations = {name: Creation(("train",), outputs=(name,), seconds=2.0) for name in ("a", "b", "c", "soup")}
    plan = plan_cascade(found, creations, CascadeRequest(("base",)))
    assert [plan.seconds(jobs) for jobs in (1, 2, 9)] == [8.0, 4.0, 4.0]
    assert plan_cascade(found, {}, CascadeRequest(("soup",))).seconds() == 0


def test_wrong_names() -> None:
    found = graph("a<base", "other<b")
    for choices, message in (
        ({"targets": ("other",)}, "other isn't made from base"),
        ({"only": ("x*",)}, "--only x*: no descendant"),
        ({"skip": ("base",)}, "--skip base: no descendant"),
    ):
        with pytest.raises(UsageError, match=message.replace("*", r"\*")):
            plan_cascade(found, {}, CascadeRequest(("base",), **choices))  # type: ignore[arg-type]


def test_circles() -> None:
    assert made(graph("a<base", "x<y", "y<x"), "base") == ["a"]
    with pytest.raises(LineageError, match="in a circle"):
        plan_cascade(graph("a<b", "b<a", "a<base"), {}, CascadeRequest(("base",)))
    found = graph("one<base", "middle<one", "two<middle", "two<base")
    with pytest.raises(LineageError, match="from what is made from these: middle, one, two"):
        plan_cascade(found, run("one", "two"), CascadeRequest(("base",)))


def test_patterns_are_for_paths_and_folders() -> None:
    path = "tasks/sst2/model.safetensors"
    for pattern in ("tasks/sst2", "tasks/", "*/model.safetensors", "*.safetensors", "tasks/*", path):
        assert is_named(path, (pattern,)), pattern
    for pattern in ("sst2", "model.safetensors", "task", "tasks/sst"):
        assert not is_named(path, (pattern,)), pattern
