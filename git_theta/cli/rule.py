"""Merge rules as options of commands: `-s STRATEGY --set KEY=VALUE --param GLOB`, and `--rule` for more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from git_theta.errors import UsageError
from git_theta.git.repository.merge_rules import check_rule
from git_theta.merging.dtypes import parse_dtype
from git_theta.merging.renames import parse_rename
from git_theta.merging.rule_text import parse_rule
from git_theta.merging.rules import CHOICES_OF_ROWS, MergeRule

#: A function that becomes a command.
_Function = TypeVar("_Function", bound=Callable[..., Any])


def rule_options(
    parameters: str = "Use the strategy for these parameters only.",
) -> Callable[[_Function], _Function]:
    """The options `--set`, `--param` and `--rule` of commands that have `-s STRATEGY`.

    Args:
        parameters: Help of `--param`.
    """
    options = (
        click.option(
            "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Set an option of the strategy."
        ),
        click.option("--param", "parameters", multiple=True, metavar="GLOB", help=parameters),
        click.option(
            "--rule",
            "rules",
            multiple=True,
            metavar="RULE",
            help="A further strategy with its options, and the parameters that it's for: 'STRATEGY "
            "OPTION=VALUE parameters=GLOB'. Can be given many times; the last that fits a parameter counts.",
        ),
    )

    def add(function: _Function) -> _Function:
        # Decorators apply from the bottom up.
        for option in reversed(options):
            function = option(function)
        return function

    return add


def form_options() -> Callable[[_Function], _Function]:
    """The options `--rename`, `--dtype` and `--rows` of commands, for models that aren't alike."""
    options = (
        click.option(
            "--rename",
            "renames",
            multiple=True,
            metavar="OLD=NEW",
            help="Parameters OLD of the other models are what ours calls NEW. Both may have one *: "
            "'bert.*=*'. Can be given many times; the last that fits a name counts.",
        ),
        click.option(
            "--dtype",
            help="Dtype of floats in the result: widest of the models' dtypes (the default), ours, theirs, "
            "or one such as BF16.",
        ),
        click.option(
            "--rows",
            type=click.Choice(CHOICES_OF_ROWS),
            help="Rows of embeddings in the result where models have other tokens: those that all have "
            "(common), all that there are (union), or those of ours.",
        ),
    )

    def add(function: _Function) -> _Function:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def form_rules(
    renames: Sequence[str], dtype: str | None = None, rows: str | None = None
) -> tuple[MergeRule, ...]:
    """The rule of the options `--rename`, `--dtype` and `--rows`, if one of them is given.

    Raises:
        UsageError: An option isn't valid.
    """
    rule = MergeRule(
        "",
        renames=tuple(map(parse_rename, renames)),
        dtype=parse_dtype(dtype) if dtype is not None else "",
        rows=rows or "",
    )
    return (rule,) if rule != MergeRule("") else ()


def rules_of(
    strategy: str | None, settings: Sequence[str], parameters: Sequence[str], more: Sequence[str]
) -> tuple[MergeRule, ...]:
    """The rules of the options `-s`, `--set` and `--param`, then those of `--rule`, which take precedence.

    Args:
        strategy: Name of the strategy; `None` for none.
        settings: Options of the strategy, each `KEY=VALUE`.
        parameters: Globs of names of parameters; empty for all parameters.
        more: Texts of further rules.

    Raises:
        UsageError: A strategy or an option is unknown or isn't valid, or a text isn't a rule.
    """
    first = rule_of(strategy, settings, parameters)
    return (*([first] if first else []), *map(_given, more))


def _given(text: str) -> MergeRule:
    rule = parse_rule(text)
    if set(text) & {";", "\n"}:
        raise UsageError(f"a rule can't have a semicolon or a line break in it: {text}", "give --rule twice")
    if rule.when or rule.paths != ("*",):
        raise UsageError(f"path= and when= aren't for --rule: {text}", "settings of the repository have them")
    check_rule(rule)
    return rule


def rule_of(
    strategy: str | None, settings: Sequence[str], parameters: Sequence[str] = ()
) -> MergeRule | None:
    """The rule of the options `-s`, `--set` and `--param`; `None` without a strategy.

    Args:
        strategy: Name of the strategy.
        settings: Options of the strategy, each `KEY=VALUE`.
        parameters: Globs of names of parameters; empty for all parameters.

    Raises:
        UsageError: The strategy or an option is unknown, or an option isn't valid.
    """
    if not strategy:
        if settings or parameters:
            raise UsageError("--set and --param need a strategy", "for example: -s ties")
        return None
    options = {}
    for setting in settings:
        key, sign, value = setting.partition("=")
        if not (key and sign and value):
            raise UsageError(f"--set {setting!r} isn't KEY=VALUE")
        if key in options:
            raise UsageError(f"--set {key} is given twice")
        options[key] = value
    rule = MergeRule(strategy, tuple(sorted(options.items())), tuple(parameters) or ("*",))
    check_rule(rule)
    return rule
