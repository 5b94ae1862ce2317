"""Merge rules of a repository: from attributes, a tracked file, git config and the environment.

Each of these takes precedence over those before it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

from git_theta import strategies
from git_theta.errors import PluginError, UsageError, join_hints
from git_theta.git.plumbing.check_attr import attribute_text, attribute_values
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.tracked_file import read_settings_file, require_in_tree
from git_theta.merge.rules import MergeRule, MergeRules, parse_lines, parse_rule, parse_toml
from git_theta.settings import MERGE_ATTRIBUTE, TRACKED_CONFIG
from git_theta.strategies.option_text import ParsedOptions, parse_options

#: Merge rules for one command.
RULES_VARIABLE = "GIT_THETA_MERGE"

#: The value of `theta.merge` for questions on the terminal; no strategy has this name.
ASK = "ask"


def merge_rules(repository: Repository, path: str, environment: Mapping[str, str] = os.environ) -> MergeRules:
    """The rules for a file, checked.

    A rule for other files may name a strategy that isn't installed, or can't be used: their merges will fail.

    Args:
        repository: The repository, with Git at the top of its work tree if it isn't bare.
        path: The file, from the top.
        environment: Environment variables.

    Raises:
        UsageError: A rule isn't valid; the message says where it stands.
    """
    attribute = f"the attribute {MERGE_ATTRIBUTE} of {path}"
    tracked = (attribute, TRACKED_CONFIG)
    places: list[tuple[str, Callable[[], tuple[MergeRule, ...]]]] = [
        (attribute, partial(_attribute, repository, path)),
        (TRACKED_CONFIG, partial(_tracked, repository)),
        ("git config theta.merge", partial(_configured, repository)),
        (RULES_VARIABLE, partial(parse_lines, environment.get(RULES_VARIABLE, ""))),
    ]
    found: list[MergeRule] = []
    for where, read in places:
        try:
            rules = read()
            for rule in rules:
                if rule.is_for_path(path):
                    files = check_rule(rule).files
                    for file in files if where in tracked else ():
                        require_in_tree(repository, file)
                else:
                    with suppress(PluginError):
                        check_rule(rule)
        except UsageError as error:
            another = "or name another strategy there" if isinstance(error, PluginError) else ""
            raise UsageError(f"{where}: {error.message}", join_hints(error.hint, another)) from error
        found += rules
    return MergeRules(tuple(found)).of_path(path)


def asks_user(repository: Repository) -> bool:
    """Whether merges ask the user on the terminal."""
    return repository.git.config("theta.merge") == ASK


def check_rule(rule: MergeRule) -> ParsedOptions:
    """The options of a rule's strategy.

    Raises:
        UsageError: There's no such strategy, or it doesn't have these options.
    """
    return parse_options(strategies.registry().get(rule.strategy), dict(rule.options))


def from_attribute(text: str) -> MergeRule:
    """Parse the value of the attribute `theta-merge`."""
    return parse_rule(text.replace(",", " ").replace(":", ","))


def _attribute(repository: Repository, path: str) -> tuple[MergeRule, ...]:
    values = attribute_values(repository.git, MERGE_ATTRIBUTE, [path])
    text = attribute_text(values.get(path, ""))
    return () if text is None else (from_attribute(text),)


def _tracked(repository: Repository) -> tuple[MergeRule, ...]:
    data = read_settings_file(repository, TRACKED_CONFIG)
    return parse_toml(data, "the file") if data else ()


def _configured(repository: Repository) -> tuple[MergeRule, ...]:
    general = repository.git.config("theta.merge")
    texts = [] if general in ("", ASK) else [general]
    if "theta.mergerule" in repository.git.settings:
        texts += repository.git.line("config", "--get-all", "theta.mergerule").split("\n")
    return tuple(parse_rule(text) for text in texts if text.strip())
