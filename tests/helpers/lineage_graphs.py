"""Lineage graphs for tests, from the names of parents and children, or of any number of models."""

from __future__ import annotations

from random import Random

from git_theta.lineage.graph import Derivation, Graph, ModelNode

RELATIONS = (
    "finetune",
    "adapter",
    "merge",
    "quantized",
    "pruned",
    "distilled",
    "extended",
    "federated",
    "odd",
)


def lineage(*edges: tuple[str, str], alone: tuple[str, ...] = (), relation: str = "finetune") -> Graph:
    """The graph of edges from parents to children, and of models without any."""
    names = dict.fromkeys([*(name for edge in edges for name in edge), *alone])
    return Graph(
        {name: _node(name, 1) for name in names},
        tuple(Derivation(child, parent, relation, "recorded") for parent, child in edges),
    )


def many_models(count: int) -> Graph:
    """Families of all shapes: hubs, chains, rounds of several clients, merges, and models alone."""
    random = Random(count)
    models: list[str] = []
    edges: list[tuple[str, str, str]] = []
    while len(models) < count:
        family = f"family{len(models)}"
        size = min(count - len(models), random.choice((1, 8, 20, count // 8 + 1)))
        kind = random.choice(("hub", "chain", "rounds"))
        own: list[str] = []
        for number in range(size):
            name = f"{family}/{kind}-{number}/model.safetensors"
            if own:
                relation = random.choice(RELATIONS)
                start = 0 if kind == "hub" and number % 3 else max(0, number - 1 - random.randrange(3))
                parents = [own[-1]] if kind == "chain" else [own[start]]
                if kind == "rounds":
                    parents = own[-4:] if number % 5 == 0 else [own[(number - 1) // 5 * 5]]
                edges += [(parent, name, relation) for parent in parents]
            own.append(name)
        models += own
    return Graph(
        {name: _node(name, number) for number, name in enumerate(models)},
        tuple(Derivation(child, parent, relation, "recorded") for parent, child, relation in edges),
    )


def _node(name: str, number: int) -> ModelNode:
    return ModelNode(name, f"blake3:{number:064x}", "safetensors", 8, 1000 * (number + 1), (name,))
