"""The Python API of merges: values of several models merged by a strategy, without commits and files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, get_type_hints

from git_theta import strategies
from git_theta.api import located
from git_theta.combine.combination import CombinedValues, prepare
from git_theta.combine.plan import Choices, plan_combination
from git_theta.errors import UsageError
from git_theta.git.merge.models import ModelFiles
from git_theta.git.merge.option_check import check_sides
from git_theta.git.merge.parents import merge_base
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.merge_rules import check_rule, for_command
from git_theta.git.repository.revspec import check_revision
from git_theta.merging.dtypes import WIDEST, parse_dtype
from git_theta.merging.renames import parse_rename
from git_theta.merging.rule_text import parse_rows, parse_rule
from git_theta.merging.rules import DEFAULT, MergeRule
from git_theta.model.parameter_names import select
from git_theta.model.tensor import TensorSpec, numpy_dtype
from git_theta.strategies.gradients import gradient_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: A path as users write it.
Path_ = str | os.PathLike[str]


class MergedValues(Mapping[str, Any]):
    """Merged parameters by name, each computed when it's asked for, and not kept.

    Args:
        values: The values.
        specs: Dtype and shape of each.
        names: The names to offer.
        stack: Keeps the models' files open.
        settings: Name → settings, of files beside the models that tell what values mean.
    """

    def __init__(
        self,
        values: CombinedValues,
        specs: Mapping[str, TensorSpec],
        names: Sequence[str],
        stack: ExitStack,
        settings: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self._values = values
        self._specs = {name: specs[name] for name in names}
        self._stack = stack
        self._settings = settings

    def __getitem__(self, name: str) -> NDArray[Any]:
        """A new array of the merged value; bf16 and fp8 have the dtypes of `ml_dtypes`.

        Raises:
            KeyError: There's no such parameter.
            ThetaError: The value can't be made.
        """
        import numpy as np

        spec = self._specs[name]
        value = bytearray(spec.nbytes)
        end = 0
        for piece in self._values.pieces(name):
            start, end = end, end + len(piece)
            value[start:end] = piece
        words = spec.as_bytes
        return np.ndarray(words.shape, numpy_dtype(words.dtype), buffer=value)

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)

    def specs(self) -> Mapping[str, TensorSpec]:
        """Dtype and shape of each parameter; nothing is computed."""
        return self._specs

    def settings(self) -> Mapping[str, Mapping[str, Any]]:
        """Settings that go with the values, by the file's name: `adapter_config.json` of adapters."""
        return self._settings


def merge(
    path_or_models: Path_ | Iterable[Path_],
    revs: Iterable[str] | None = None,
    *,
    base: Path_ | None = None,
    strategy: str | None = None,
    params: Iterable[str] | None = None,
    rules: Iterable[str] = (),
    rename: str | Iterable[str] = (),
    rows: str = "",
    all_parameters: bool | None = None,
    dtype: str = WIDEST,
    keep_unmatched: bool = False,
    **options: Any,
) -> MergedValues:
    """Merge models, parameter by parameter, as `git theta merge` and `git theta combine` do.

    Nothing is written. Values are computed when they're asked for.

    Args:
        path_or_models: With `revs`, the path of a checkpoint, relative to the current folder or absolute.
            Without, the models: checkpoint files, folders of shards, or `REV:PATH`; ours first.
        revs: Revisions of the checkpoint, ours first.
        base: The model that the others come from: with `revs`, a revision; by default their merge base.
            Without `revs`, a model; there's none by default.
        strategy: The strategy; `git theta merge --list` shows them. By default, parameters are averaged, and
            counters are the largest, as in `git merge`.
        params: Names or patterns of the parameters to offer; all when `None`.
        rules: Further rules, such as `"slerp t=0.3 parameters=*self_attn*"`; the last one that fits counts.
        rename: Parameters of other models by the names that ours has for them, such as `"bert.*=*"`.
        rows: Rows of embeddings where models have other tokens: `common`, `union` or `ours`. By default, they
            follow from the tokenizers or from the order of rows, if they can.
        all_parameters: Whether strategies are also for parameters that only one model changed since the base;
            `None` leaves that to them, as the command does.
        dtype: Dtype of floats in the result: `widest` of the models', `ours`, or a name such as `BF16`.
        keep_unmatched: Whether parameters that can't be combined are as in the first model that has them.
        options: Options of the strategy, such as `density=0.3`. A list is of one number for each model where
            the strategy has that, and otherwise a gradient from the first layer to the last.

    Raises:
        UsageError: There's no such model, strategy, option or parameter; or the models can't be merged so.
        MissingObjectError: An object is neither in the store nor at a remote.
    """
    average = for_command(DEFAULT, all_parameters)
    rule = MergeRule(strategy or average.strategy, _texts(strategy or average.strategy, options))
    first = [rule] if strategy or options else []
    chosen = tuple(for_command(each, all_parameters) for each in (*first, *map(parse_rule, rules)))
    for each in chosen:
        check_rule(each)
    renames = [rename] if isinstance(rename, str) else rename
    form = MergeRule("", renames=tuple(map(parse_rename, renames)), rows=parse_rows(rows))
    stack = ExitStack()
    try:
        git, inside = _place(path_or_models if revs is not None else None)
        files = ModelFiles(git, stack, lambda _text: None)
        names, before = _named(git, inside, path_or_models, revs, base)
        if len(names) < 2:
            raise UsageError("at least two models are merged")
        for each in chosen:
            check_sides(each, len(names))
        models = [files.model(name) for name in names]
        combination = plan_combination(
            models,
            files.model(before) if before else None,
            Choices((*chosen, form), parse_dtype(dtype), keep_unmatched, average),
            for_file=False,
        )
        prepare(combination)
        wanted = select(combination.specs, params, "what is merged")
        values = CombinedValues(combination, files.side_value)
        return MergedValues(values, combination.specs, wanted, stack.pop_all(), combination.settings)
    finally:
        stack.close()


def _place(path: Path_ | Iterable[Path_] | None) -> tuple[Git, str]:
    """Git in the folder of a path, and the rest of the path; Git in the current folder without one.

    Raises:
        UsageError: It's several paths.
    """
    if path is None:
        return Git(), ""
    if not isinstance(path, (str, os.PathLike)):
        raise UsageError("revisions go with the path of one checkpoint")
    folder, name = located(path)
    return Git(folder), f"./{name}"


def _named(
    git: Git,
    inside: str,
    given: Path_ | Iterable[Path_],
    revs: Iterable[str] | None,
    base: Path_ | None,
) -> tuple[list[str], str | None]:
    """The names of the models and of their base."""
    if revs is None:
        if isinstance(given, (str, os.PathLike)):
            raise UsageError("which versions are merged?", "name revisions, or a list of models")
        return [os.fspath(each) for each in given], None if base is None else os.fspath(base)
    sides = [revs] if isinstance(revs, str) else list(revs)
    for rev in sides:
        check_revision(git, rev)
    commits = [git.line("rev-parse", "--verify", f"{rev}^{{commit}}") for rev in sides]
    models = [f"{rev}:{inside}" for rev in sides]
    if base is not None:
        return models, f"{base}:{inside}"
    ancestor = merge_base(git, commits) if len(commits) > 1 else None
    if ancestor is None or not git.ok("rev-parse", "-q", "--verify", f"{ancestor}:{inside}"):
        return models, None
    return models, f"{ancestor}:{inside}"


def _texts(strategy: str, options: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The options of a strategy as texts, sorted by name."""
    hints = get_type_hints(strategies.registry().get(strategy).options)
    found = []
    for name, value in options.items():
        single = hints.get(name.replace("-", "_")) is float
        given = isinstance(value, Iterable) and not isinstance(value, str)
        found.append((name, gradient_text(list(value)) if single and given else _text(value)))
    return tuple(sorted(found))


def _text(value: Any) -> str:
    """The text of an option; a list in a list is a gradient."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) or not isinstance(value, Iterable):
        return str(value)
    elements = list(value)
    return ",".join(
        gradient_text(list(each)) if isinstance(each, Iterable) and not isinstance(each, str) else _text(each)
        for each in elements
    )
