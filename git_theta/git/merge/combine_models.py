"""`git theta combine`: models by their names, combined and written to a new file."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from git_theta.combine.combination import Combination, CombinedValues, prepare
from git_theta.combine.mergekit.plan import plan_config
from git_theta.combine.mergekit.read import MAX_CONFIG, read_config
from git_theta.combine.model import Model
from git_theta.combine.plan import Choices, plan_combination
from git_theta.combine.result_settings import new_settings, write_settings
from git_theta.combine.write import write_combination
from git_theta.errors import UsageError
from git_theta.git.merge.models import ModelFiles
from git_theta.git.merge.option_check import check_sides
from git_theta.git.plumbing.command import Git
from git_theta.limits import DEFAULT_LIMITS
from git_theta.merging.outcome import Approximated, Merged
from git_theta.report.merge_summary import combination_lines
from git_theta.report.text import plural, printable
from git_theta.runtime.output import say, warn
from git_theta.runtime.progress import progress
from git_theta.small_file import read_small_file
from git_theta.strategies.merge_parameter import NonFinite

#: Parameters that a message names.
_SHOWN = 5


def combine_models(
    names: Sequence[str], base: str | None, choices: Choices, output: Path, *, force: bool
) -> tuple[Model, ...]:
    """Combine models and write the result; all models, the base among them.

    Args:
        names: Names of the models, as the user wrote them; see `ModelFiles`.
        base: The model that they come from; `None` if there's none.
        choices: The user's choices.
        output: The new file.
        force: Whether an existing file is overwritten.

    Raises:
        UsageError: A model's name, the output, or a choice isn't valid, or the models don't go together.
        ThetaError: A model can't be read, or the file can't be written; a file of that name is unchanged.
    """
    if len(names) < 2:
        raise UsageError("which models are to be combined?", "git theta combine -s average ONE OTHER -o FILE")
    check_output(output, force=force)
    for rule in choices.rules:
        check_sides(rule, len(names))
    with ExitStack() as stack:
        files = ModelFiles(Git(), stack)
        models = [files.model(name) for name in names]
        choices = replace(choices, to_safetensors=_is_safetensors(output))
        combination = plan_combination(models, files.model(base) if base else None, choices)
        write_result(combination, files, output, force=force)
        return combination.models


def combine_config(path: Path, output: Path, *, keep_unmatched: bool, force: bool) -> tuple[Model, ...]:
    """Carry out a merge that a file describes for mergekit, and write the result; all models.

    Args:
        path: The file, of YAML.
        output: The new file.
        keep_unmatched: Whether parameters that can't be combined are as in the first model that has them.
        force: Whether an existing file is overwritten.

    Raises:
        UsageError: The file isn't such a merge, or a model's name or the output isn't valid, or the models
            don't go together.
        ThetaError: A model can't be read, or the file can't be written; a file of that name is unchanged.
    """
    config = read_config(read_small_file(path, MAX_CONFIG), str(path))
    check_output(output, force=force)
    with ExitStack() as stack:
        files = ModelFiles(Git(), stack)
        combination = plan_config(
            config, files.model, keep_unmatched=keep_unmatched, to_safetensors=_is_safetensors(output)
        )
        write_result(combination, files, output, force=force)
        return combination.models


def _is_safetensors(output: Path) -> bool:
    """Whether a file is one of safetensors, by its name."""
    return output.suffix == ".safetensors"


def check_output(output: Path, *, force: bool) -> None:
    """Check that a file may be written.

    Raises:
        UsageError: It's there already, or isn't a regular file, or its folder isn't there.
    """
    if output.is_dir():
        raise UsageError(f"{output} is a folder", "name a file in it")
    if output.exists() and not output.is_file():
        raise UsageError(f"{output} isn't a regular file")
    if not output.parent.is_dir():
        raise UsageError(f"there's no folder {output.parent}")
    if not force and (output.exists() or output.is_symlink()):
        raise UsageError(f"{output} is there already", "to overwrite it: --force")


def write_result(combination: Combination, files: ModelFiles, output: Path, *, force: bool) -> None:
    """Carry a combination out, write its file and the settings beside it, and say what became of parameters.

    Args:
        combination: The combination.
        files: Reads the models.
        output: The new file.
        force: Whether existing settings are overwritten.

    Raises:
        ThetaError: A value can't be made, or the file can't be written; a file of that name is unchanged.
    """
    non_finite: list[NonFinite] = []
    losses: list[Approximated] = []
    beside = new_settings(combination, output, force=force)
    memory = prepare(combination)
    threads = max(1, min(files.threads, DEFAULT_LIMITS.memory // max(1, memory)))
    values = CombinedValues(
        combination, files.side_value, report=non_finite.append, report_loss=losses.append
    )
    total = sum(spec.nbytes for spec in combination.specs.values())
    with progress(f"combining into {output}", total) as advance:
        write_combination(combination, values, output, threads, advance)
    write_settings(beside)
    done = Merged(None, combination.parameters, non_finite=tuple(non_finite), approximated=tuple(losses))
    summary, *warnings = combination_lines(done)
    warn(*combination.notes, *warnings)
    if combination.kept:
        warn(f"taken from the first model that has each: {_shown(combination.kept)}")
    say(f"{printable(str(output))}: {summary}", *(f"{printable(str(place))}: written" for place in beside))


def _shown(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(map(printable, names[:_SHOWN])) + (f", and {plural(more, 'other')}" if more > 0 else "")
