"""The session: read a line, do what it says, until the user writes or quits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from git_theta.errors import ThetaError, UsageError
from git_theta.merge.outcome import Merged, ParameterPlan
from git_theta.merge.rules import MergeRule
from git_theta.mergetool import view
from git_theta.mergetool.backend import Backend
from git_theta.mergetool.change_stats import ChangeStats, Trio, of_each, of_group
from git_theta.mergetool.commands import Choice, Command, read
from git_theta.mergetool.items import ALL, Item, overview
from git_theta.mergetool.state import State, in_effect
from git_theta.model.parameter_names import matches
from git_theta.report.lines import Line
from git_theta.report.merge_summary import conflict_name
from git_theta.report.text import plural, printable

#: So many bytes of a version are read for the figures of a page, and for those of an opened group.
_PAGE_BYTES = 64 << 20
_GROUP_BYTES = 256 << 20

#: So many conflicts are listed where a file can't be written yet.
_SHOWN = 5

PROMPT = "theta> "

#: Asks for a line; raises `EOFError` or `KeyboardInterrupt` if the user wants to end.
Ask = Callable[[str], str]

#: Shows lines.
Say = Callable[[Iterable[Line]], object]


class Session:
    """Decides about one file.

    Args:
        desk: The file.
        ask: Asks for a line.
        say: Shows lines.
    """

    def __init__(self, backend: Backend, ask: Ask, say: Say) -> None:
        self._backend = backend
        self._ask = ask
        self._say = say
        self._state = State()
        self._plan = backend.plan(())
        self._overview = overview(self._plan)
        self._others = backend.scalar_conflicts()
        self._stats: dict[int, ChangeStats | str] = {}

    @property
    def undecided(self) -> bool:
        """Whether there's anything that both sides changed to different things."""
        return bool(self._overview.items)

    def run(self) -> tuple[MergeRule, ...] | None:
        """Go on until the user writes, which gives the choices, or quits, which gives `None`.

        Raises:
            ThetaError: The file can't be looked at.
        """
        try:
            self._list(1)
            self._tell("help shows the commands", "faint")
            while True:
                try:
                    command = read(self._ask(PROMPT))
                    if isinstance(command, Command) and command.verb == "quit":
                        return None
                    if isinstance(command, Command) and command.verb == "write":
                        self._write()
                        return self._state.rules
                    if command:
                        self._do(command)
                except ThetaError as error:
                    hint = " ".join(error.hint.split())
                    message = " ".join(error.message.split())
                    self._tell(printable(f"{message} ({hint})" if hint else message), "old")
        except (EOFError, KeyboardInterrupt):
            self._tell("")
            return None

    def _do(self, command: Command | Choice) -> None:
        if isinstance(command, Choice):
            self._choose(command)
        elif command.verb == "list":
            self._list(command.start(0))
        elif command.verb == "open":
            self._open(command)
        elif command.verb in ("undo", "redo"):
            self._step_back_or_forth(command.verb)
        elif command.verb == "preview":
            self._preview()
        elif command.verb == "remember":
            self._remember()
        else:
            self._say(view.strategy_lines(command.words[0]) if command.words else view.help_lines())

    def _list(self, first: int) -> None:
        items = self._overview.items
        shown = items[first - 1 : first - 1 + view.PAGE]
        if items and not shown:
            raise UsageError(f"there are only {len(items)} numbers")
        self._measure(shown)
        self._say([view.title(self._backend.path, self._overview, self._plan)])
        if shown:
            self._say(self._table(shown))
        if shown and shown[-1] != items[-1]:
            rest = len(items) - shown[-1].number
            self._tell(f"  … and {rest:,} more: list {shown[-1].number + 1}", "faint")
        if first == 1:
            self._say(view.alone(self._overview))

    def _table(self, items: Sequence[Item]) -> Iterable[Line]:
        return view.table(items, self._stats, self._plan, self._others, self._state.rules)

    def _measure(self, items: Sequence[Item]) -> None:
        """Read what is needed of the values of items that are shown for the first time."""
        new = [item for item in items if item.number not in self._stats and item.parameters]
        for item in new:
            trios = [trio for parameter in item.parameters if (trio := _trio(parameter))]
            self._stats[item.number] = (
                of_group(trios, self._backend.value, _PAGE_BYTES // len(new), self._backend.threads)
                if trios
                else ""
            )

    def _open(self, command: Command) -> None:
        item, first = self._overview.find(command.words[0]), command.start(1)
        if not item.parameters:
            self._say(self._table([item]))
            return
        parameters = item.parameters[first - 1 : first - 1 + view.PAGE]
        if not parameters:
            raise UsageError(f"number {item.number} has only {plural(len(item.parameters), 'parameter')}")
        trios = {parameter.name: trio for parameter in parameters if (trio := _trio(parameter))}
        found = of_each([*trios.values()], self._backend.value, _GROUP_BYTES, self._backend.threads)
        stats = dict(zip(trios, found, strict=True))
        self._say(
            view.members(parameters, [stats.get(parameter.name, "") for parameter in parameters], self._plan)
        )
        if parameters[-1] is not item.parameters[-1]:
            at = first + view.PAGE
            rest = len(item.parameters) - at + 1
            self._tell(f"  … and {rest:,} more: open {item.number} {at}", "faint")

    def _choose(self, choice: Choice) -> None:
        view.known(choice.rule.strategy)
        self._backend.check(choice.rule)
        globs = self._overview.chosen(choice.target)
        rule = replace(choice.rule, parameters=globs)
        plan = self._backend.plan((*self._state.rules, rule))
        names = [name for name in self._overview.names if matches(name, globs)]
        left = [conflict for conflict in plan.conflicts if conflict.name in set(names)]
        if names and len(left) == len(names) and choice.target != ALL:
            raise UsageError(f"{rule.strategy} can't decide that: {left[0].reason}")
        self._become(self._state.choose(rule), plan)
        self._tell(f"  {self._overview.said(rule.parameters)} by {view.short(rule)}; {self._left()}")

    def _step_back_or_forth(self, verb: str) -> None:
        old = self._state
        new = old.undo() if verb == "undo" else old.redo()
        rule = max(old.rules, new.rules, key=len)[-1]
        self._become(new, self._backend.plan(new.rules))
        done = "no more" if verb == "undo" else "again"
        self._tell(f"  {self._overview.said(rule.parameters)} {done} by {view.short(rule)}; {self._left()}")

    def _become(self, state: State, plan: Merged) -> None:
        self._state, self._plan = state, plan
        self._overview = self._overview.with_conflicts(plan.conflicts)

    def _left(self) -> str:
        left = len(self._plan.conflicts)
        return plural(left, "conflict") + " left" if left else "nothing in conflict"

    def _preview(self) -> None:
        found = self._backend.preview(self._state.rules)
        result = found.merged.manifest.by_name if found.merged.manifest else {}
        shown = [item for item in self._overview.items if item.parameters][: view.PAGE]
        rows = []
        for item in shown:
            trios = []
            for parameter in item.parameters:
                made, (ours, theirs) = result.get(parameter.name), parameter.sides[:2]
                if made and ours and theirs:
                    trios.append((made, ours, theirs))
            limit = _PAGE_BYTES // len(shown)
            # A parameter that's gone has no figures.
            stat = of_group(trios, self._backend.value, limit, self._backend.threads) if trios else "-"
            rows.append((item, stat, view.becomes(item, self._plan, self._state.rules)))
        if rows:
            self._say(view.result_table(rows))
        self._say(view.after_preview(found.merged, found.stored, self._plan.conflicts))

    def _remember(self) -> None:
        rules = in_effect(self._state.rules)
        if not rules:
            raise UsageError("nothing is chosen yet")
        for letter, place in self._backend.places.items():
            self._tell(f"  {letter}  {place}")
        answer = self._ask("where to, or nothing to leave it? ").strip()
        if not answer:
            return
        if answer not in self._backend.places:
            raise UsageError(f"{answer!r} isn't one of {', '.join(self._backend.places)}; nothing is written")
        self._tell(self._backend.save_rules(rules, answer))

    def _write(self) -> None:
        left = self._plan.conflicts
        if left:
            names = ", ".join(map(conflict_name, left[:_SHOWN])) + (", …" if len(left) > _SHOWN else "")
            raise UsageError(f"{plural(len(left), 'conflict')} left: {names}", "for example: all ours")
        self._tell(self._backend.write(self._state.rules))

    def _tell(self, text: str, style: str = "") -> None:
        self._say([((style, text),)])


def _trio(parameter: ParameterPlan) -> Trio | None:
    """What to compare: with ours where there's no base; `None` if a side has none."""
    ours, theirs = parameter.sides[:2]
    return (parameter.base or ours, ours, theirs) if ours and theirs else None
