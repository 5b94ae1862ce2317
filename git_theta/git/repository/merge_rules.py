"""Merge rules of a repository: from attributes, a tracked file, and git config.

Each of these takes precedence over those before it, and the rules given for one operation over all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from functools import partial

from git_theta import strategies
from git_theta.errors import PluginError, UsageError, join_hints
from git_theta.git.plumbing.check_attr import attribute_text, attribute_values
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.tracked_file import read_settings_file, require_in_tree
from git_theta.merging.purpose import Purpose
from git_theta.merging.rule_text import parse_rule, parse_toml
from git_theta.merging.rules import DEFAULT, PICK_DEFAULT, MergeRule, MergeRules
from git_theta.merging.standing_rules import standing_rules
from git_theta.settings import MERGE_ATTRIBUTE, PICK_ATTRIBUTE, TRACKED_CONFIG
from git_theta.strategies.option_text import ParsedOptions, parse_options
from git_theta.strategies.options import NoOptions
from git_theta.strategies.take_side import SIDES

#: The value of `theta.merge` for questions on the terminal; no strategy has this name.
ASK = "ask"


#: Reads the rules of one place.
_Read = Callable[[], Sequence[MergeRule]]


def merge_rules(
    repository: Repository,
    path: str,
    purpose: Purpose = Purpose.MERGE,
    given: Sequence[MergeRule] = (),
) -> MergeRules:
    """The rules for a file, checked.

    A rule for other files may name a strategy that isn't installed, or can't be used: their merges will fail.

    Args:
        repository: The repository, with Git at the top of its work tree if it isn't bare.
        path: The file, from the top.
        purpose: The purpose of the merge.
        given: Rules for this operation, checked; see `given_rules`. They hold for every purpose unless they
            name one.

    Raises:
        UsageError: A rule isn't valid; the message says where it stands.
    """
    places: list[tuple[str, bool, _Read]] = [
        *(
            (f"the attribute {name} of {path}", True, partial(_attribute, repository, name, path))
            for name in (MERGE_ATTRIBUTE, PICK_ATTRIBUTE)
        ),
        (TRACKED_CONFIG, True, partial(_tracked, repository)),
        ("git config theta.merge", False, partial(_configured, repository)),
    ]
    found: list[MergeRule] = []
    for where, tracked, read in places:
        check = partial(_check_tracked, repository) if tracked else check_rule
        found += (rule for rule in checked_rules(where, read, path, check) if _is_for(rule, purpose))
    now = [rule for rule in given if rule.when in ("", purpose.value, "always")]
    default = DEFAULT if purpose is Purpose.MERGE else PICK_DEFAULT
    # A strategy that was asked for is used for every parameter, or there's a conflict that says why not.
    asked = any(rule.strategy and rule.is_for_all for rule in now)
    standing = () if asked else standing_rules(purpose)
    return MergeRules((*found, *now), default=default, standing=standing, purpose=purpose).of_path(path)


def checked_rules(
    where: str,
    read: _Read,
    path: str | None = None,
    check: Callable[[MergeRule], object] | None = None,
) -> tuple[MergeRule, ...]:
    """The rules of one place, checked.

    Args:
        where: The place, for the message of an error.
        read: Reads the rules.
        path: The file to merge: rules for other files may name a strategy that isn't installed. `None` if
            all rules must be valid.
        check: Checks a rule for this file, in place of `check_rule`.

    Raises:
        UsageError: A rule isn't valid.
    """
    try:
        rules = tuple(read())
        for rule in rules:
            matters = path is None or rule.is_for_path(path)
            with nullcontext() if matters else suppress(PluginError):
                (check_rule if check is None or not matters else check)(rule)
    except UsageError as error:
        another = "or name another strategy there" if isinstance(error, PluginError) else ""
        raise UsageError(f"{where}: {error.message}", join_hints(error.hint, another)) from error
    return rules


def _check_tracked(repository: Repository, rule: MergeRule) -> None:
    """Check a rule that the repository brings along: it may name tracked files only.

    Raises:
        UsageError: The rule isn't valid.
    """
    for file in check_rule(rule).files:
        require_in_tree(repository, file)


def _is_for(rule: MergeRule, purpose: Purpose) -> bool:
    """Whether a lasting rule holds for a purpose.

    A method that combines two lines of work would take most of a change away, or put it in twice. So it's not
    for picks unless the rule says that. A side that the user wants is wanted in both, and models that aren't
    alike go together in the same way.
    """
    if rule.when:
        return rule.when in (purpose.value, "always")
    return purpose is Purpose.MERGE or rule.strategy in SIDES or not rule.strategy


def asks_user(repository: Repository) -> bool:
    """Whether merges ask the user on the terminal."""
    return repository.git.config("theta.merge") == ASK


def check_rule(rule: MergeRule) -> ParsedOptions:
    """The options of a rule's strategy; none for a rule without one.

    Raises:
        UsageError: There's no such strategy, or it doesn't have these options.
    """
    if not rule.strategy:
        return ParsedOptions(NoOptions())
    return parse_options(strategies.registry().get(rule.strategy), dict(rule.options))


def for_command(rule: MergeRule, wanted: bool | None) -> MergeRule:
    """The rule, also for parameters that only one side changed, if the user wants that.

    Args:
        rule: The rule.
        wanted: The user's choice; `None` to leave it to the strategy, some of which are meant so.
    """
    if not rule.strategy:
        return rule
    meant = strategies.registry().get(rule.strategy).for_all
    usual = meant == "always" or (meant == "with-options" and bool(rule.options))
    return replace(rule, all_parameters=usual if wanted is None else wanted)


def for_picks(rule: MergeRule) -> MergeRule:
    """The rule, for applying changes only."""
    return replace(rule, when=Purpose.PICK.value)


def from_attribute(text: str) -> MergeRule:
    """Parse the value of the attribute `theta-merge`."""
    return parse_rule(text.replace(",", " ").replace(":", ","))


def _attribute(repository: Repository, attribute: str, path: str) -> tuple[MergeRule, ...]:
    text = attribute_text(attribute_values(repository.git, attribute, [path]).get(path, ""))
    if text is None:
        return ()
    rule = replace(from_attribute(text), place=attribute)
    return (for_picks(rule) if attribute == PICK_ATTRIBUTE else rule,)


def _tracked(repository: Repository) -> tuple[MergeRule, ...]:
    data = read_settings_file(repository, TRACKED_CONFIG)
    rules = parse_toml(data, "the file") if data else ()
    return tuple(replace(rule, place=TRACKED_CONFIG) for rule in rules)


def _configured(repository: Repository) -> tuple[MergeRule, ...]:
    git = repository.git
    general, picks = git.config("theta.merge"), git.config("theta.pickmerge")
    texts = [("theta.merge", "" if general == ASK else general), ("theta.pickMerge", picks)]
    if "theta.mergerule" in git.settings:
        lines = git.line("config", "--get-all", "theta.mergerule").split("\n")
        texts += [("theta.mergeRule", line) for line in lines]
    rules = (replace(parse_rule(text), place=place) for place, text in texts if text.strip())
    return tuple(for_picks(rule) if rule.place == "theta.pickMerge" else rule for rule in rules)
