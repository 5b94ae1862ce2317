"""Lossy storage of the graph of text classifiers, held by accuracy; MGit's is up to 7 times smaller."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING, Any

from benchmarks.lineage.figure import Figure
from git_theta.model.manifest_text import parse_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.lineage.shapes.library import Graph
    from benchmarks.sandbox import Home, Repository

#: Targets: how many times as large the files are, and the changes in float32 whose signs are stored.
_SMALLER, _SIGNS = 12.0, 25.0

#: The accuracy that a model may lose.
_DROP = 0.02

#: Candidates of each model that are tested at most.
_BUDGET = 5


def lossy_figures(graph: Graph, home: Home) -> Iterator[Figure]:
    """How many times as large the files are as what is stored, and what that costs in accuracy."""
    repository = _repository(graph, home)
    names = [model.path for model in graph.models if model.parents]
    signs = _add(repository, "sign", ["--max-drop", "1", "--dry-run", *names[:9]])
    changed = [each for model in signs for each in model["parameters"] if each["update"] == "sign"]
    yield Figure(
        f"{graph.name}: signs and scales",
        sum(each["size"] for each in changed) / sum(each["stored"] for each in changed),
        "times",
        least=_SIGNS,
        remark=f"accuracy falls by {_worst(signs):.3f} at most",
    )
    found = _add(repository, "quantized", ["--max-drop", str(_DROP), "--budget", str(_BUDGET), *names])
    repository.commit("lossy")
    size = sum((graph.folder / model.path).stat().st_size for model in graph.models)
    stored = _stored(repository, [model.path for model in graph.models])
    yield Figure(
        f"{graph.name}: lossy",
        size / stored,
        "times",
        least=_SMALLER,
        remark=f"{size / 1e6:.1f} MB of files, {stored / 1e6:.1f} MB stored, base exact",
    )
    runs = sum(model["runs"] for model in found) / len(found)
    yield Figure(
        f"{graph.name}: worst drop of accuracy", _worst(found), most=_DROP, remark=f"{runs:.1f} tests a model"
    )
    repository.remove()


def _repository(graph: Graph, home: Home) -> Repository:
    """A repository with the base committed, the other models staged, their parents recorded, and a test."""
    repository = home.repository(f"{graph.name}-lossy")
    test = {
        "command": [sys.executable, "-m", "benchmarks.lineage.training.measure", "{model}", "{path}"],
        "metric": "json:accuracy",
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in test.items()]
    _write(repository, ".theta/tests.toml", "\n".join(["[test.accuracy]", *lines, ""]))
    for is_base in (True, False):
        for model in graph.models:
            if is_base == (not model.parents):
                target = repository.path / model.path
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(graph.folder / model.path, target)
                parents = "".join(f"\n[[parent]]\npath = {json.dumps(parent)}\n" for parent in model.parents)
                if parents:
                    text = f"relation = {json.dumps(model.relation)}\n{parents}"
                    _write(repository, f".theta/lineage/{model.path}.toml", text)
        repository.git("add", "--all")
        if is_base:
            repository.commit("base")
    return repository


def _write(repository: Repository, name: str, text: str) -> None:
    path = repository.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _add(repository: Repository, kind: str, arguments: list[str]) -> list[dict[str, Any]]:
    """The costs of models that are stored nearly."""
    words = ("theta", "add", "--update-type", kind, "--guard", "accuracy", "--json")
    told: Any = json.loads(repository.git(*words, *arguments, OPENBLAS_NUM_THREADS="1"))
    found: list[dict[str, Any]] = told["models"]
    return found


def _worst(models: list[dict[str, Any]]) -> float:
    """The most accuracy that a model loses."""
    return max(test["before"] - test["after"] for model in models for test in model["tests"])


def _stored(repository: Repository, names: list[str]) -> int:
    """Bytes of the objects and manifests of the newest versions."""
    objects, manifests = set(), 0
    for name in names:
        text = repository.git("show", f"HEAD:{name}").encode()
        manifests += len(text)
        objects |= {str(oid) for oid in parse_manifest(text).oids()}
    folder = repository.path / ".git" / "theta" / "objects"
    return sum((folder / oid[:2] / oid[2:4] / oid).stat().st_size for oid in objects) + manifests
