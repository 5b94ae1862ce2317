"""A cascade through MGit's adaptation graph: 90 models are trained again from a base that was trained on."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.lineage.figure import Figure
from benchmarks.lineage.repositories import repository_of
from benchmarks.lineage.shapes.adaptation import BASE
from git_theta.lineage.record import LineageRecord, RecordedParent, RecordedRun, record_path
from git_theta.lineage.record_text import record_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.lineage.shapes.library import Graph
    from benchmarks.sandbox import Home, Repository

#: The training that a command does; see `finetune_once`.
_PROGRAM = "benchmarks.lineage.training.finetune_once"

#: Steps in which the base is trained on.
_STEPS = 20


def cascade_figures(graph: Graph, home: Home) -> Iterator[Figure]:
    """Figures of a cascade: how often and in which order models are made, and how good they are.

    Args:
        graph: G2, or a part of it with the base.
        home: Of git-theta.
    """
    repository = repository_of(graph, home, f"{graph.name}-cascade")
    record_commands(graph, repository)
    old = graph.folder / BASE
    _train_on(old, repository.path / BASE)
    repository.git("commit", "--quiet", "--all", "--message", "the base, trained on")
    began = time.monotonic()
    found: Any = json.loads(repository.git("theta", "cascade", BASE, "--json"))
    seconds = time.monotonic() - began
    order = [step["model"] for step in found["steps"] if step["status"] == "made"]
    children = [model.path for model in graph.models if model.parents]
    yield Figure("cascade: models made once", float(sorted(order) == sorted(children)), least=1)
    places = {path: number for number, path in enumerate([BASE, *order])}
    is_right = all(places[parent] < places[child] for child, parent in graph.edges)
    yield Figure("cascade: parents first", float(is_right), least=1)
    trained = sum(step["seconds"] for step in found["steps"])
    yield Figure("cascade: all", seconds, "s", remark=f"{len(order)} models, {trained:.0f} s in their steps")
    yield from _quality(graph, repository)
    nothing: Any = json.loads(repository.git("theta", "cascade", BASE, "--json"))
    yield Figure("cascade: models made by a second one", float(len(nothing["steps"])), most=0)
    repository.remove()


def record_commands(graph: Graph, repository: Repository) -> None:
    """Commit records of all models with the commands by which they were made."""
    shown: Any = json.loads(repository.git("theta", "lineage", "show", "--json"))
    digests = {node["path"]: node["model"] for node in shown["models"]}
    for model in graph.models:
        if model.parents:
            parents = tuple(RecordedParent(path=name, model=digests[name]) for name in model.parents)
            run = RecordedRun(_command(model.path, model.parents[0]))
            record = LineageRecord(model.relation, digests[model.path], parents, run=run)
            place = repository.path / record_path(model.path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(record_text(record))
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--message", "records")


def _command(path: str, parent: str) -> tuple[str, ...]:
    task, seed, noise = _training(path)
    return (sys.executable, "-m", _PROGRAM, parent, task, "{out}", str(seed), f"{noise:g}")


def _training(path: str) -> tuple[str, int, float]:
    """Task, seed and noise of a version, as when the graph was made."""
    from benchmarks.lineage.training.language import TASKS

    task, _, name = path.partition("/")
    version = int(name[1:3])
    return task, 100 * version + list(TASKS).index(task), 0.02 * (version - 1)


def _train_on(old: Path, new: Path) -> None:
    import torch

    from benchmarks.lineage.training.text_model import train_base

    torch.set_num_threads(1)
    train_base(new, seed=50, steps=_STEPS, start=old)


def _quality(graph: Graph, repository: Repository) -> Iterator[Figure]:
    """The cascade's models beside those that a loop makes by hand, without git-theta."""
    from benchmarks.lineage.training.text_model import accuracy, finetune

    by_hand = repository.path.parent / "by-hand"
    (by_hand / BASE).parent.mkdir(parents=True)
    (by_hand / BASE).write_bytes((repository.path / BASE).read_bytes())
    children = [model for model in graph.models if model.parents]
    equal = 0
    gaps = []
    for model in children:
        task, seed, noise = _training(model.path)
        finetune(by_hand / model.parents[0], task, by_hand / model.path, seed=seed, noise=noise)
        ours, theirs = repository.path / model.path, by_hand / model.path
        equal += ours.read_bytes() == theirs.read_bytes()
        gaps.append(accuracy(theirs, task) - accuracy(ours, task))
    yield Figure("cascade: equal to models made by hand", equal / len(children), least=1)
    mean, worst = sum(gaps) / len(gaps), f"{max(gaps):.3g} at worst"
    yield Figure("cascade: accuracy lost to models made by hand", mean, most=0.001, remark=worst)
