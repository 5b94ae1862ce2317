"""A merge session: commands, line by line, until the user writes the result or quits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from git_theta.errors import ThetaError, UsageError
from git_theta.mergetool import view
from git_theta.mergetool.backend import Backend
from git_theta.mergetool.change_stats import ChangeStats, Comparison, group_stats, parameter_stats
from git_theta.mergetool.choice_history import ChoiceHistory, in_effect
from git_theta.mergetool.commands import Command, StrategyChoice, parse_line
from git_theta.mergetool.help import check_strategy_name, help_lines, strategy_lines
from git_theta.mergetool.items import ALL, Item, overview
from git_theta.merging.outcome import Merged, ParameterPlan
from git_theta.merging.rules import MergeRule
from git_theta.model.manifest import Entry
from git_theta.model.parameter_names import matches
from git_theta.report.lines import Line
from git_theta.report.merge_summary import conflict_name
from git_theta.report.text import plural, printable

#: Bytes of each version that are read for the statistics of a page, and of an opened group.
_PAGE_BYTES = 64 << 20
_GROUP_BYTES = 256 << 20

#: Conflicts that the error of a file that can't be written lists.
_SHOWN = 5

PROMPT = "theta> "

#: Asks for a line; raises `EOFError` or `KeyboardInterrupt` if the user wants to end.
Ask = Callable[[str], str]

#: Shows lines.
Say = Callable[[Iterable[Line]], object]


class MergeSession:
    """Lets the user decide about one file.

    Args:
        backend: The file.
        ask: Asks for a line.
        say: Shows lines.
    """

    def __init__(self, backend: Backend, ask: Ask, say: Say) -> None:
        self._backend = backend
        self._ask = ask
        self._say = say
        self._choices = ChoiceHistory()
        self._plan = backend.plan(())
        self._overview = overview(self._plan)
        self._scalar_conflicts = backend.scalar_conflicts()
        self._stats: dict[int, ChangeStats | str] = {}

    @property
    def undecided(self) -> bool:
        """Whether there's anything that both sides changed differently."""
        return bool(self._overview.items)

    def run(self) -> tuple[MergeRule, ...] | None:
        """Run commands until the user writes the result or quits.

        Returns:
            The choices, if the result was written; `None` if the user quit.

        Raises:
            ThetaError: A version of the file can't be read.
        """
        try:
            self._list(1)
            self._print("help shows the commands", "faint")
            while True:
                command = self._next_command()
                if isinstance(command, Command) and command.verb == "quit":
                    return None
                if self._run(command):
                    return self._choices.rules
        except (EOFError, KeyboardInterrupt):
            self._print("")
            return None

    def _next_command(self) -> Command | StrategyChoice:
        while True:
            try:
                command = parse_line(self._ask(PROMPT))
            except ThetaError as error:
                self._print_error(error)
                continue
            if command:
                return command

    def _run(self, command: Command | StrategyChoice) -> bool:
        """Run a command, and print its error if it fails; returns whether the result was written."""
        try:
            if isinstance(command, Command) and command.verb == "write":
                self._write()
                return True
            self._dispatch(command)
        except ThetaError as error:
            self._print_error(error)
        return False

    def _dispatch(self, command: Command | StrategyChoice) -> None:
        if isinstance(command, StrategyChoice):
            self._choose(command)
        elif command.verb == "list":
            self._list(command.start(0))
        elif command.verb == "open":
            self._open(command)
        elif command.verb in ("undo", "redo"):
            self._undo_or_redo(command.verb)
        elif command.verb == "preview":
            self._preview()
        elif command.verb == "remember":
            self._remember()
        else:
            self._say(strategy_lines(command.words[0]) if command.words else help_lines())

    def _list(self, first: int) -> None:
        items = self._overview.items
        shown = items[first - 1 : first - 1 + view.PAGE]
        if items and not shown:
            raise UsageError(f"there are only {len(items)} numbers")
        self._read_stats(shown)
        self._say([view.title(self._backend.path, self._overview, self._plan)])
        if shown:
            self._say(self._table(shown))
        if shown and shown[-1] != items[-1]:
            rest = len(items) - shown[-1].number
            self._print(f"  … and {rest:,} more: list {shown[-1].number + 1}", "faint")
        if first == 1:
            self._say(view.one_sided(self._overview))

    def _table(self, items: Sequence[Item]) -> Iterable[Line]:
        rules = self._choices.rules
        return view.item_table(items, self._stats, self._plan, self._scalar_conflicts, rules)

    def _read_stats(self, items: Sequence[Item]) -> None:
        """Compute the statistics of items that are shown for the first time."""
        new = [item for item in items if item.number not in self._stats and item.parameters]
        for item in new:
            found = [comparison for each in item.parameters if (comparison := _comparison(each))]
            self._stats[item.number] = self._group_stats(found, len(new)) if found else ""

    def _group_stats(self, comparisons: Sequence[Comparison], groups: int) -> ChangeStats | str:
        """Statistics of one of several groups on a page."""
        return group_stats(comparisons, self._backend.value, _PAGE_BYTES // groups, self._backend.threads)

    def _open(self, command: Command) -> None:
        item, first = self._overview.find(command.words[0]), command.start(1)
        if not item.parameters:
            self._say(self._table([item]))
            return
        parameters = item.parameters[first - 1 : first - 1 + view.PAGE]
        if not parameters:
            raise UsageError(f"number {item.number} has only {plural(len(item.parameters), 'parameter')}")
        found = {each.name: comparison for each in parameters if (comparison := _comparison(each))}
        values = parameter_stats([*found.values()], self._backend.value, _GROUP_BYTES, self._backend.threads)
        stats = dict(zip(found, values, strict=True))
        rows = [stats.get(parameter.name, "") for parameter in parameters]
        self._say(view.member_table(parameters, rows, self._plan))
        if parameters[-1] is not item.parameters[-1]:
            following = first + view.PAGE
            rest = len(item.parameters) - following + 1
            self._print(f"  … and {rest:,} more: open {item.number} {following}", "faint")

    def _choose(self, choice: StrategyChoice) -> None:
        check_strategy_name(choice.rule.strategy)
        self._backend.check(choice.rule)
        globs = self._overview.globs(choice.target)
        rule = replace(choice.rule, parameters=globs)
        plan = self._backend.plan((*self._choices.rules, rule))
        names = [name for name in self._overview.names if matches(name, globs)]
        left = [conflict for conflict in plan.conflicts if conflict.name in set(names)]
        if names and len(left) == len(names) and choice.target != ALL:
            raise UsageError(f"{rule.strategy} can't decide that: {left[0].reason}")
        self._apply(self._choices.choose(rule), plan)
        self._print(f"  {self._overview.description(globs)} by {view.rule_text(rule)}; {self._left()}")

    def _undo_or_redo(self, verb: str) -> None:
        old = self._choices
        new = old.undo() if verb == "undo" else old.redo()
        rule = max(old.rules, new.rules, key=len)[-1]
        self._apply(new, self._backend.plan(new.rules))
        items = self._overview.description(rule.parameters)
        change = "no more" if verb == "undo" else "again"
        self._print(f"  {items} {change} by {view.rule_text(rule)}; {self._left()}")

    def _apply(self, choices: ChoiceHistory, plan: Merged) -> None:
        self._choices, self._plan = choices, plan
        self._overview = self._overview.with_conflicts(plan.conflicts)

    def _left(self) -> str:
        left = len(self._plan.conflicts)
        return plural(left, "conflict") + " left" if left else "nothing in conflict"

    def _preview(self) -> None:
        preview = self._backend.preview(self._choices.rules)
        results = preview.merged.manifest.by_name if preview.merged.manifest else {}
        shown = [item for item in self._overview.items if item.parameters][: view.PAGE]
        rows = []
        for item in shown:
            found = [comparison for each in item.parameters if (comparison := _of_result(each, results))]
            # A removed parameter has no statistics.
            stat = self._group_stats(found, len(shown)) if found else "-"
            rows.append((item, stat, view.item_outcome(item, self._plan, self._choices.rules)))
        if rows:
            self._say(view.result_table(rows))
        self._say(view.preview_summary(preview.merged, preview.stored, self._plan.conflicts))

    def _remember(self) -> None:
        rules = in_effect(self._choices.rules)
        if not rules:
            raise UsageError("nothing is chosen yet")
        for letter, place in self._backend.places.items():
            self._print(f"  {letter}  {place}")
        answer = self._ask("where to, or nothing to leave it? ").strip()
        if not answer:
            return
        if answer not in self._backend.places:
            raise UsageError(f"{answer!r} isn't one of {', '.join(self._backend.places)}; nothing is written")
        self._print(self._backend.save_rules(rules, answer))

    def _write(self) -> None:
        left = self._plan.conflicts
        if left:
            names = ", ".join(map(conflict_name, left[:_SHOWN])) + (", …" if len(left) > _SHOWN else "")
            raise UsageError(f"{plural(len(left), 'conflict')} left: {names}", "for example: all ours")
        self._print(self._backend.write(self._choices.rules))

    def _print_error(self, error: ThetaError) -> None:
        hint = " ".join(error.hint.split())
        message = " ".join(error.message.split())
        self._print(printable(f"{message} ({hint})" if hint else message), "old")

    def _print(self, text: str, style: str = "") -> None:
        self._say([((style, line),) for line in text.split("\n")])


def _comparison(parameter: ParameterPlan) -> Comparison | None:
    """Both sides relative to the base, or to ours without a base; `None` if a side has no such parameter."""
    ours, theirs = parameter.sides[:2]
    return Comparison(parameter.base or ours, ours, theirs) if ours and theirs else None


def _of_result(parameter: ParameterPlan, results: Mapping[str, Entry]) -> Comparison | None:
    """Both sides relative to the result; `None` if one of them has no such parameter."""
    result, (ours, theirs) = results.get(parameter.name), parameter.sides[:2]
    return Comparison(result, ours, theirs) if result and ours and theirs else None
