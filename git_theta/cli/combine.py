"""`git theta combine`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from git_theta.cli.rule import form_options, form_rules, rule_options, rules_of
from git_theta.combine.model import Model
from git_theta.combine.plan import Choices
from git_theta.errors import UsageError
from git_theta.git.merge.combine_models import combine_config, combine_models
from git_theta.git.merge.record_combination import CombinationRecord, combination_record
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.merge_rules import for_command
from git_theta.lineage.graph import LineageError
from git_theta.merging.dtypes import WIDEST, parse_dtype
from git_theta.report.text import printable
from git_theta.runtime.output import say, warn

_EPILOG = """\b
Examples:
  git theta combine -s average a.safetensors b.safetensors -o soup.safetensors
  git theta combine -s ties --set density=0.3 --base main:m.pt main:m.pt one:m.pt two:m.pt -o m.pt
  git theta combine -s slerp --set t=layers:0..1 llama/ chat/ -o merged.safetensors
  git theta combine -s linear --rule 'slerp t=0.3 parameters=*self_attn*' a.pt b.pt -o c.pt
  git theta combine --config mergekit.yml -o merged.safetensors
"""


@click.command("combine", epilog=_EPILOG, short_help="Combine models into a new file, without commits.")
@click.argument("models", nargs=-1)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The new file.")
@click.option("-s", "--strategy", help="How to combine the models: average, ties, slerp, …")
@rule_options()
@form_options()
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="A merge in the YAML of mergekit, which names models, method and parameters.",
)
@click.option("--base", metavar="MODEL", help="The model that the others come from.")
@click.option(
    "--all-parameters/--no-all-parameters",
    default=None,
    help="With --base: whether the strategy is also for parameters that only one model changed. By default, "
    "averages, linear, base, and task-arithmetic with options are.",
)
@click.option(
    "--keep-unmatched",
    is_flag=True,
    help="Take parameters that can't be combined from the first model that has them, instead of failing.",
)
@click.option("--force", is_flag=True, help="Overwrite the output if it's there.")
@click.option(
    "--record/--no-record",
    "is_recorded",
    default=True,
    help="Whether an output that is tracked is staged, with a lineage record of what it was made of.",
)
def command(
    models: tuple[str, ...],
    output: Path | None,
    strategy: str | None,
    settings: tuple[str, ...],
    parameters: tuple[str, ...],
    rules: tuple[str, ...],
    renames: tuple[str, ...],
    dtype: str | None,
    rows: str | None,
    config: Path | None,
    base: str | None,
    all_parameters: bool | None,
    keep_unmatched: bool,
    force: bool,
    is_recorded: bool,
) -> None:
    """Combine MODELS, parameter by parameter, and write a new file of the first one's format.

    A model is a checkpoint file, a folder in which a library saved one (with shards or without), or a version
    in Git: REV:PATH, the path of which may be such a folder, too. The first model is what strategies call
    ours. No repository is needed for files.

    Parameters are combined as `git theta merge` does. A parameter that isn't in all models is an error,
    unless there's a base that says who added or removed it. Everything but parameters is as in the first
    model, and with --base also what another one changed. A file whose name ends with .safetensors is one,
    with tensors only if the first model is of another format.

    If the output is a tracked path of a repository, it's staged with a record below .theta/lineage: the
    models that it was made of, and this command. See git theta lineage.

    With --config, a file says all that, in the YAML of mergekit: models or slices of layers, the method and
    its parameters with filters and gradients, dtypes.
    """
    given = rules_of(strategy, settings, parameters, rules)
    if output is None:
        raise UsageError("where does the result go?", "-o FILE")
    if config:
        if models or given or renames or rows or base or dtype or all_parameters is not None:
            raise UsageError("--config says what is combined and how", "leave other models and options out")
        words = ["--config", str(config), *(["--keep-unmatched"] if keep_unmatched else [])]
        record = _record(output, words, "", [config]) if is_recorded else None
        made_of = combine_config(config, output, keep_unmatched=keep_unmatched, force=force)
        _write(record, made_of)
        return
    if not given:
        raise UsageError("how are the models to be combined?", "for example: -s average")
    choices = Choices(
        (*(for_command(rule, all_parameters) for rule in given), *form_rules(renames, rows=rows)),
        parse_dtype(dtype or WIDEST),
        keep_unmatched,
    )
    words = [
        *_options(
            ("-s", [strategy] if strategy else []),
            ("--set", settings),
            ("--param", parameters),
            ("--rule", rules),
            ("--rename", renames),
            ("--dtype", [dtype] if dtype else []),
            ("--rows", [rows] if rows else []),
            ("--base", [base] if base else []),
        ),
        *(
            []
            if all_parameters is None
            else ["--all-parameters" if all_parameters else "--no-all-parameters"]
        ),
        *(["--keep-unmatched"] if keep_unmatched else []),
        *(["--"] if any(name.startswith("-") for name in models) else []),
        *models,
    ]
    record = _record(output, words, f"combined by {'; '.join(map(str, given))}") if is_recorded else None
    _write(record, combine_models(models, base, choices, output, force=force))


def _options(*given: tuple[str, Sequence[str]]) -> list[str]:
    """Words of options that may be repeated."""
    return [word for option, values in given for value in values for word in (option, value)]


def _record(
    output: Path, words: Sequence[str], why: str, inputs: Sequence[Path] = ()
) -> CombinationRecord | None:
    """The record to write; `None` if the output isn't a model of a repository."""
    command = ("git", "theta", "combine", "--force", "-o", "{out}", *words)
    return combination_record(Git(), output, command, why, inputs)


def _write(record: CombinationRecord | None, models: Sequence[Model]) -> None:
    """Write the record of a combination, and say so."""
    if record is None:
        return
    try:
        parents = record.write(models)
    except LineageError as error:
        warn(f"not recorded: {error.message}")
        return
    if parents:
        names = ", ".join(map(printable, parents))
        say(
            f"{printable(record.path)}: staged, and recorded as made of {names} (--no-record leaves that out)"
        )
