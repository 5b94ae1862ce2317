"""Facts about models for the page's script: what's the same for many models is there once.

The keys are short, as there are very many of them; `lineage_data` has them all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from git_theta.lineage.graph import Derivation, Graph, ModelNode, VersionNode
from git_theta.lineage.record import LineageRecord, RecordedRun
from git_theta.report.html.cell_text import name_text
from git_theta.report.html.lineage.content import LikeParameters, ModelContent
from git_theta.report.html.lineage.labels import relation_text
from git_theta.report.text import human_size, printable, share_text

#: Test → commit and value of each version that was tested, the oldest first.
Metrics = Mapping[str, Sequence[tuple[str, float]]]

#: Versions, files, inputs and words of a model that are told, at most.
_MAX_VERSIONS, _MAX_FILES, _MAX_WORDS = 100, 20, 100

#: Versions of a model with a metric, at most: the newest.
_MAX_POINTS = 200


def lineage_data(
    graph: Graph,
    *,
    shares: Mapping[tuple[str, str], float],
    versions: Mapping[str, tuple[VersionNode, ...]],
    records: Mapping[str, LineageRecord],
    contents: Mapping[str, ModelContent],
    metrics: Mapping[str, Metrics],
) -> dict[str, Any]:
    """Facts as dictionaries and lists; texts are as the page shows them.

    Args:
        graph: The graph. Models are told by their places in it.
        shares: Child and parent → the share of the child's bytes that the parent has, too.
        versions: Name of a model → its versions, the newest first.
        records: Name of a model → its record.
        contents: Name of a model → its content.
        metrics: Name of a model → its results by test.

    Returns:
        `models`: a list of `name`, `facts` (pairs of texts), `problems`, `reasons`, `frozen`
            (patterns of parameters that are said to be a parent's), `files`, `structure` (the place of its
            groups), `left_out` (the number of parameters in others), `new` (for each group, how many
            parameters no parent has), `dtypes`, `storage`, `run`, `versions` (places of commits),
            `more_versions` and `metrics`: `{test: [[commit, value], …]}`, the oldest first; a value that's
            not a finite number is null. What's empty is left out.
        `edges`: a list of `child`, `parent`, `relation` and `facts`.
        `structures`: lists of groups of parameters: name, count, dtype, shape and size.
        `commits`: lists of short id, date and subject.
    """
    numbers = {name: number for number, name in enumerate(graph.models)}
    structures: dict[tuple[LikeParameters, ...], int] = {}
    commits: dict[tuple[str, str, str], int] = {}

    def model(node: ModelNode) -> dict[str, Any]:
        name = node.path
        found: dict[str, Any] = {"name": name_text(name), "facts": _facts(node, contents.get(name))}
        found["problems"] = [printable(problem) for problem in node.problems]
        if node.files != (name,):
            found["files"] = _capped([name_text(file) for file in node.files], _MAX_FILES, "file")
        edges = graph.derivations_of(name)
        found["reasons"] = _distinct([edge.why] for edge in edges)
        found["frozen"] = _distinct(edge.frozen for edge in edges)
        if name in contents:
            found |= _content(contents[name], structures)
        record = records.get(name)
        if record and record.run:
            found["run"] = _run(record.run, name)
        history = versions.get(name, ())
        found["versions"] = [
            commits.setdefault(_commit(version), len(commits)) for version in history[:_MAX_VERSIONS]
        ]
        found["more_versions"] = max(0, len(history) - _MAX_VERSIONS)
        found["metrics"] = {
            name_text(test): [[commit[:10], _number(value)] for commit, value in results[-_MAX_POINTS:]]
            for test, results in metrics.get(name, {}).items()
        }
        return {key: value for key, value in found.items() if value not in ([], {}, 0) or key == "structure"}

    models = [model(node) for node in graph.models.values()]
    return {
        "models": models,
        "edges": [
            {
                "child": numbers[edge.child],
                "parent": numbers[edge.parent],
                "relation": relation_text(edge.relation),
                "facts": _edge_facts(edge, shares),
            }
            for edge in graph.derivations
        ],
        "structures": [
            [
                [group.name, group.count, group.dtype, group.shape, human_size(group.nbytes)]
                for group in groups
            ]
            for groups in structures
        ],
        "commits": list(commits),
    }


def _facts(node: ModelNode, content: ModelContent | None) -> list[tuple[str, str]]:
    if node.is_external:
        return [("place", "not in this repository")]
    found = [
        ("size", human_size(node.size)),
        ("parameters", f"{node.parameters:,}"),
        ("format", printable(node.format)),
    ]
    if content and content.stored is not None:
        found.append(("stored as", human_size(content.stored)))
    if content and content.own is not None and content.new:
        found.append(("of its own", human_size(content.own)))
    return [*found, ("digest", node.model)] if node.model else []


def _content(content: ModelContent, structures: dict[tuple[LikeParameters, ...], int]) -> dict[str, Any]:
    return {
        "structure": structures.setdefault(content.groups, len(structures)),
        "left_out": content.left_out,
        "new": list(content.new),
        "dtypes": [(name, human_size(nbytes)) for name, nbytes in content.dtypes],
        "storage": [(part.update, part.count, human_size(part.nbytes)) for part in content.storage],
    }


def _edge_facts(edge: Derivation, shares: Mapping[tuple[str, str], float]) -> list[str]:
    facts = []
    if (edge.child, edge.parent) in shares:
        facts.append(f"{share_text(shares[edge.child, edge.parent])} of the bytes are equal")
    facts.append(
        {"inferred": "inferred from the values", "recorded": "recorded"}.get(
            edge.source, f"from {edge.source}"
        )
    )
    if edge.is_current is False:
        facts.append("from an earlier version of it")
    return facts


def _run(run: RecordedRun, name: str) -> dict[str, Any]:
    outputs = run.outputs or (name,)
    inputs = [f"{name_text(path)} ({printable(blob)[:16]})" for path, blob in run.inputs.items()]
    environment = [f"{printable(each)} {printable(version)}" for each, version in run.environment.items()]
    return {
        "command": [name_text(word) for word in run.command[:_MAX_WORDS]],
        "facts": [
            pair
            for pair in (
                ("folder", name_text(run.folder)),
                ("seed", "" if run.seed is None else str(run.seed)),
                ("inputs", ", ".join(_capped(inputs, _MAX_FILES, "input"))),
                ("outputs", ", ".join(_capped([name_text(each) for each in outputs], _MAX_FILES, "output"))),
                ("environment", ", ".join(_capped(environment, _MAX_FILES, "package"))),
            )
            if pair[1]
        ],
    }


def _commit(version: VersionNode) -> tuple[str, str, str]:
    return version.commit[:10], version.date[:10], name_text(version.subject)


def _distinct(texts: Iterable[Iterable[str]]) -> list[str]:
    found = dict.fromkeys(text for several in texts for text in several if text)
    return _capped(list(map(name_text, found)), _MAX_FILES, "text")


def _capped(texts: list[str], most: int, thing: str) -> list[str]:
    more = len(texts) - most
    return texts if more <= 0 else [*texts[:most], f"{more:,} more {thing}{'' if more == 1 else 's'}"]


def _number(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None
