"""Tests of models: a command that measures a model, and the models that it's for."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from git_theta.errors import UsageError
from git_theta.evaluation.metric import check_metric
from git_theta.lineage.record import is_plain_path
from git_theta.runtime.suggest import did_you_mean

#: The pattern that stands for all models.
EVERY_MODEL = "*"

#: The beginning of a selector of models by how they were derived.
RELATION = "relation:"

#: Results that a result may be held against.
PREVIOUS, PARENTS = "previous", "parents"

#: Words of a command that stand for something; of the first two, a command has one.
PLACES = ("{model}", "{folder}", "{path}", "{parent}", "{out}")

_NAME = re.compile(r"[\w][\w.-]{0,99}")
#: Words around a place that are no script, as in `--model={model}`; and texts that no script obeys.
_PLAIN_WORD = re.compile(r"[\w./=:,@%+-]*")
_PLAIN_VALUE = re.compile(r"[\w./=:,@%+ -]*")

_PLACE = re.compile(r"\{(?:model|folder|path|parent|out)\}")


@dataclass(frozen=True, slots=True)
class ModelTest:
    """A test of models.

    Attributes:
        name: Its name.
        command: The words of the command. `{model}` stands for the model's file, or for its folder if it has
            several files; `{folder}` for the folder in any case; `{path}` for the model's path in the
            repository; `{parent}` for its first parent, written like the model; `{out}` for a file that the
            command may write its metric to, in place of stdout.
        on: Selectors of the models that it's for: a path, a folder, a pattern such as `sst2/*` or
            `*.safetensors` (`*` is every model), or `relation:` and the kind of a derivation.
        metric: The place of the metric in the output: `json:KEY` or `regex:PATTERN`; empty if the exit code
            alone decides.
        higher_is_better: Whether models with a higher metric are better.
        max_drop: The most that the metric may get worse, in its own unit or as a share; `None` for any.
        is_share: Whether `max_drop` is a share of the value before: 0.02 is 2 %.
        against: The results whose drop by more than `max_drop` fails a run: those of the version before
            (`previous`), of the parents (`parents`), or of both.
        is_guard: Whether merges, cascades and lossy storage are held by the test, too.
        inputs: Paths of files and folders from the top that the command reads, beside those that it names.
        timeout: Seconds that the command may take; `None` for any number.
    """

    name: str
    command: tuple[str, ...]
    on: tuple[str, ...] = (EVERY_MODEL,)
    metric: str = ""
    higher_is_better: bool = True
    max_drop: float | None = None
    is_share: bool = False
    against: tuple[str, ...] = (PREVIOUS,)
    is_guard: bool = True
    inputs: tuple[str, ...] = ()
    timeout: float | None = None

    def is_for(self, model: str, relations: Collection[str] = ()) -> bool:
        """Whether the test is for a model.

        Args:
            model: The model's path from the top.
            relations: The kinds of derivations that lead to it.
        """
        return any(_selects(selector, model, relations) for selector in self.on)

    @property
    def needs_relations(self) -> bool:
        """Whether `is_for` depends on derivations."""
        return any(selector.startswith(RELATION) for selector in self.on)

    def uses(self, place: str) -> bool:
        """Whether a word of the command has a place such as `{parent}`."""
        return any(place in word for word in self.command)

    def filled_in(self, values: dict[str, str]) -> list[str]:
        """The words of the command.

        Args:
            values: Place, such as `{model}` → the text that it stands for.

        Raises:
            UsageError: A text would stand inside of a script, and has characters that the script may obey:
                whoever can push a model chooses its name.
        """
        for word in self.command:
            for place in _PLACE.findall(word) if not _PLAIN_WORD.fullmatch(_PLACE.sub("", word)) else ():
                if not _PLAIN_VALUE.fullmatch(values[place]):
                    raise UsageError(
                        f"{values[place]!r} has characters that the script in the command of test "
                        f"{self.name} may obey",
                        f"give it as a word of its own, as in: sh -c '… \"$1\"' sh {place}",
                    )
        return [_PLACE.sub(lambda match: values[match[0]], word) for word in self.command]


def check_test(test: ModelTest) -> None:
    """Check that a test makes sense.

    Raises:
        UsageError: It doesn't.
    """
    if not _NAME.fullmatch(test.name):
        raise UsageError(
            f"{test.name!r} isn't the name of a test", "take letters, digits, dots, dashes and underscores"
        )
    if not test.command or not test.command[0]:
        raise UsageError(f"test {test.name} has no command", "git theta test add NAME … -- COMMAND {model}")
    if any("\0" in word for word in test.command):
        raise UsageError(f"test {test.name}: a word of the command has a null byte")
    if not test.uses("{model}") and not test.uses("{folder}"):
        raise UsageError(
            f"the command of test {test.name} doesn't read the model",
            "put {model} where the path of the model's file belongs, or {folder} for that of its folder",
        )
    if not test.on or not all(selector.removeprefix(RELATION) for selector in test.on):
        raise UsageError(
            f"test {test.name} is for no model", "--on PATH, --on 'GLOB', --on relation:WORD or --all"
        )
    for path in test.inputs:
        if not is_plain_path(path):
            raise UsageError(
                f"test {test.name}: the input {path!r} isn't a path of a file in the repository",
                "give one from its top, without . and ..",
            )
    check_metric(test.metric)
    if test.max_drop is not None and not (math.isfinite(test.max_drop) and test.max_drop >= 0):
        raise UsageError(
            f"test {test.name}: {test.max_drop} isn't a drop that can be allowed", "such as 0.01 or 2%"
        )
    if not {*test.against} <= {PREVIOUS, PARENTS}:
        raise UsageError(
            f"test {test.name} is held against unknown results", f"{PREVIOUS}, {PARENTS}, or both"
        )
    if test.max_drop is not None and not test.metric:
        raise UsageError(
            f"test {test.name} has no metric that could drop", "--metric json:KEY or regex:PATTERN"
        )
    if test.timeout is not None and not (math.isfinite(test.timeout) and test.timeout > 0):
        raise UsageError(f"test {test.name}: {test.timeout} isn't a number of seconds", "such as 600")


def find_test(tests: Iterable[ModelTest], name: str) -> ModelTest:
    """The test of a name.

    Raises:
        UsageError: There's none.
    """
    known = {test.name: test for test in tests}
    if name in known:
        return known[name]
    hint = did_you_mean(name, known) or (
        f"there are {', '.join(known)}" if known else "git theta test add makes one"
    )
    raise UsageError(f"there's no test {name!r}", hint)


def guards(tests: Sequence[ModelTest], model: str, relations: Collection[str] = ()) -> tuple[ModelTest, ...]:
    """The tests that merges, cascades and lossy storage of a model are held by."""
    return tuple(test for test in tests if test.is_guard and test.is_for(model, relations))


def _selects(selector: str, model: str, relations: Collection[str]) -> bool:
    if selector.startswith(RELATION):
        return selector.removeprefix(RELATION) in relations
    path = selector.strip("/")
    if model == path or model.startswith(f"{path}/"):
        return True
    return fnmatchcase(model if "/" in path else model.rpartition("/")[2], path)
