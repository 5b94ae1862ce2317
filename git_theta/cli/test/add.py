"""`git theta test add`."""

from __future__ import annotations

import click

from git_theta.errors import UsageError
from git_theta.evaluation.model_test import EVERY_MODEL, PARENTS, PREVIOUS, ModelTest
from git_theta.evaluation.tests_text import TESTS_FILE, parse_drop, parse_tests, with_test
from git_theta.git.evaluation.tracked_tests import read_tests_text, write_tests
from git_theta.git.history.revisions import path_from_top
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.report.text import printable
from git_theta.runtime.output import say, warn

_EPILOG = """\b
Examples:
  git theta test add accuracy --on 'sst2/*' --metric json:accuracy --max-drop 0.01 -- python eval.py {model}
  git theta test add loss --all --metric 'regex:loss=(\\S+)' --lower --max-drop 2% -- python loss.py {folder}
  git theta test add loads --on relation:adapter --no-guard -- python load.py {parent} {model}
"""


@click.command(
    "add",
    epilog=_EPILOG,
    short_help="Register a test: a command, and the models that it's for.",
    context_settings={"allow_interspersed_args": True},
)
@click.argument("name")
@click.option(
    "--on",
    multiple=True,
    metavar="MODELS",
    help="The models that it's for: a path, a folder, a pattern, or relation:WORD for those derived so. "
    "May be repeated.",
)
@click.option("--all", "on_all", is_flag=True, help="It's for all models.")
@click.option(
    "--metric",
    default="",
    metavar="PLACE",
    help="The number in the command's output: json:KEY or regex:PATTERN. Without, the exit code decides.",
)
@click.option(
    "--higher/--lower", "higher", default=True, help="Whether a higher metric is better, or a lower."
)
@click.option(
    "--max-drop", metavar="X", help="The most that the metric may get worse: 0.01, or 2% of the value before."
)
@click.option(
    "--against",
    type=click.Choice([PREVIOUS, PARENTS, "both"]),
    default=PREVIOUS,
    help="Results whose drop fails a run: of the version before, of the parents, or both.",
)
@click.option("--no-guard", is_flag=True, help="Merges, cascades and lossy storage aren't held by it.")
@click.option(
    "--input", "inputs", multiple=True, metavar="FILE", help="A file, or a folder, that the command reads."
)
@click.option("--timeout", type=float, metavar="SECONDS", help="The longest that the command may take.")
@click.option("--force", is_flag=True, help="Replace a test of that name.")
@click.argument("words", nargs=-1, metavar="-- COMMAND...", type=click.UNPROCESSED)
def command(
    name: str,
    on: tuple[str, ...],
    on_all: bool,
    metric: str,
    higher: bool,
    max_drop: str | None,
    against: str,
    no_guard: bool,
    inputs: tuple[str, ...],
    timeout: float | None,
    force: bool,
    words: tuple[str, ...],
) -> None:
    """Register a test of models in .theta/tests.toml.

    In COMMAND, {model} stands for the model's file, or its folder if it has several files; {folder} for the
    folder in any case, with the small files that lie beside the model, such as config.json; {path} for the
    model's path in the repository; {parent} for its first parent; and {out} for a file that the command may
    write its metric to, instead of printing it.

    The command runs at the top of the work tree. Files that it names, such as a script, count as what it
    reads: when they change, models are tested anew.
    """
    if not on and not on_all:
        raise UsageError(
            f"for which models is test {name}?", "--on PATH, --on 'GLOB', --on relation:WORD or --all"
        )
    git = Git()
    repository = Repository(git)
    folder = git.folder.resolve()
    is_at_top = folder == repository.root.resolve()
    drop, is_share = (None, False) if max_drop is None else parse_drop(max_drop)
    test = ModelTest(
        name,
        words,
        (*(_from_top(git, each, is_at_top) for each in on), *((EVERY_MODEL,) if on_all else ())),
        metric,
        higher,
        drop,
        is_share,
        (PREVIOUS, PARENTS) if against == "both" else (against,),
        not no_guard,
        tuple(path_from_top(git, path) for path in inputs),
        timeout,
    )
    text = read_tests_text(repository, None)
    if not force and any(each.name == name for each in parse_tests(text)):
        raise UsageError(f"there's a test {name} already", "--force replaces it")
    for word in () if is_at_top else words:
        if (folder / word).is_file() and not (repository.root / word).is_file():
            path = path_from_top(git, word)
            warn(f"the command runs at the top of the work tree, where {word} is {path}: name it so")
    write_tests(repository, with_test(text, test))
    say(f"{TESTS_FILE}: test {printable(name)} is written. Run it: git theta test run {printable(name)}")


def _from_top(git: Git, selector: str, is_at_top: bool) -> str:
    """A selector as it's from the top, if it's a path that is there."""
    if is_at_top or not (git.folder / selector).exists():
        return selector
    return path_from_top(git, selector)
