"""`git theta lineage infer`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from git_theta.cli.executor_option import executor_option
from git_theta.cli.lineage.names import model_name
from git_theta.cli.render import print_json
from git_theta.git.lineage.inferred_records import write_inferred
from git_theta.git.lineage.near_models import near_models
from git_theta.git.lineage.sampled_models import sampled_models
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.lineage.inference.infer import Inference, infer
from git_theta.lineage.inference.sampled_model import SampledModel
from git_theta.report.text import plural, printable
from git_theta.runtime.output import say, warn


@click.command("infer", short_help="Find likely parents by the models' parameters.")
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option("--rev", metavar="REV", help="Among the models of a revision; by default, those of the index.")
@click.option("--write", is_flag=True, help="Record what is found, for models that have no record.")
@executor_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(models: tuple[str, ...], rev: str | None, write: bool, executor: str, as_json: bool) -> None:
    """Find the likely parents of all models, or say about some of them, by their parameters alone.

    Equal values count first, and then how near others are: by samples of values that are here; nothing is
    downloaded. Of many models, MODEL is compared with those that are stored with it. Merges are found as
    weighted sums, with their weights. The direction is known by the time of the first commit, by precision,
    by zeros and by size; else an edge has none.

    Where the evidence is too weak, nothing is said. --write makes records that say that they're inferred;
    `git theta lineage add` replaces what they say.
    """
    if write and rev is not None:
        raise click.UsageError("--write is for the index: leave --rev out")
    with LineageTree(Repository(Git()), rev) as tree:
        chosen = [model_name(tree, word) for word in models]
        found = _about(infer(_sampled(tree, chosen, executor)), chosen)
        if as_json:
            print_json(_as_json(found))
        else:
            _print(found)
        if write:
            written = write_inferred(tree, found.edges, lambda told: warn(printable(told)))
            say(f"{plural(written, 'record')} written below .theta/lineage")


def _sampled(tree: LineageTree, chosen: Sequence[str], executor: str) -> list[SampledModel]:
    """All models of a version, read by workers; or read here, those near the chosen ones if there are any."""
    if not executor:
        return sampled_models(tree, near_models(tree, chosen) if chosen else tree.models)
    from git_theta.git.jobs.sample_models import models_sampled_by_workers

    return models_sampled_by_workers(tree, executor, warn)


def _about(found: Inference, chosen: Sequence[str]) -> Inference:
    """The part of an inference that is about some models; all of it if there are none."""
    if not chosen:
        return found
    edges = tuple(
        edge
        for edge in found.edges
        if edge.child in chosen or (not edge.is_directed and edge.parent in chosen)
    )
    aliases = tuple(group for group in found.aliases if set(group) & set(chosen))
    unknown = {name: reason for name, reason in found.unknown.items() if name in chosen}
    return Inference(edges, aliases, unknown)


def _print(found: Inference) -> None:
    for edge in found.edges:
        words = "from" if edge.is_directed else "and"
        direction = "" if edge.is_directed else ", direction unknown"
        say(
            f"{printable(edge.child)} {words} {printable(edge.parent)}  "
            f"{edge.relation}{direction}, confidence {edge.confidence:.2f}: {', '.join(edge.evidence)}"
        )
    for group in found.aliases:
        say(f"the same model: {', '.join(map(printable, group))}")
    for name, reason in found.unknown.items():
        say(f"{printable(name)}: unknown, {reason}")


def _as_json(found: Inference) -> dict[str, object]:
    return {
        "edges": [
            {
                "child": edge.child,
                "parent": edge.parent,
                "relation": edge.relation,
                "confidence": edge.confidence,
                "evidence": list(edge.evidence),
                "directed": edge.is_directed,
            }
            for edge in found.edges
        ],
        "aliases": [list(group) for group in found.aliases],
        "unknown": [{"child": name, "reason": reason} for name, reason in found.unknown.items()],
    }
