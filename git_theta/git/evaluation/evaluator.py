"""Runs tests of models: on scratch copies, or on files that Git doesn't have; each content once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from threading import Lock
from types import TracebackType

from git_theta.errors import GitError, ThetaError
from git_theta.evaluation.model_test import ModelTest
from git_theta.evaluation.result import TestResult
from git_theta.evaluation.tests_text import TESTS_FILE
from git_theta.evaluation.verdict import verdict
from git_theta.git.evaluation.command_inputs import CommandInputs
from git_theta.git.evaluation.model_copies import ModelCopies
from git_theta.git.evaluation.result_cache import ResultCache
from git_theta.git.evaluation.scratch import scratch_folder
from git_theta.git.evaluation.test_job import TestJob, file_job, version_job
from git_theta.git.evaluation.tested_version import TestedVersion
from git_theta.git.history.revisions import resolve_commit
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.repository.repository import Repository
from git_theta.runtime.programs import EndedProgram, Programs, start_problem

#: The name of the file in a scratch folder that `{out}` stands for.
_OUT = "metric"

#: Bytes of that file, at most.
_MAX_OUT = 16 << 20


#: Runs a job somewhere else, anew or not: its result, and whether the same content will have it again. `None`
#: for a job that can only run here.
Elsewhere = Callable[[TestJob, bool], tuple[TestResult, bool] | None]


class Evaluator:
    """Runs tests for one command of the user. For several threads; a context manager.

    Args:
        repository: The repository, with Git anywhere in it.
        threads: The number of parameters of a model to decode at once; by default, as the settings have it.
        elsewhere: Runs jobs on other machines; `None` to run all here.
        cache: The results that are known, for several evaluators at once; by default, one of its own.
    """

    def __init__(
        self,
        repository: Repository,
        threads: int | None = None,
        elsewhere: Elsewhere | None = None,
        cache: ResultCache | None = None,
    ) -> None:
        self._repository = repository
        self._elsewhere = elsewhere
        self._threads = threads or repository.settings.thread_count
        self._cache = cache or ResultCache(repository.common_dir / "theta")
        self._programs = Programs()
        self._stack = ExitStack()
        if cache is None:
            self._stack.callback(self._cache.close)
        self._lock = Lock()
        self._turns: dict[str, Lock] = {}

    def __enter__(self) -> Evaluator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind:
            self.stop()
        self._stack.close()

    def stop(self) -> None:
        """End all commands that run now; others don't begin."""
        self._programs.stop()

    def evaluate(
        self, test: ModelTest, model: str, rev: str = "", *, again: bool = False, attempt: int = 0
    ) -> TestResult:
        """The result of a test of a version that Git has.

        Args:
            test: The test.
            model: The model's path in the version.
            rev: The revision; empty for the index.
            again: Whether the command runs even if it ran on this content before.
            attempt: A number by which runs on the same content differ, for flaky tests.

        Raises:
            UsageError: There's no such version, or a file that the command reads isn't there.
            ThetaError: The version can't be written, or the command can't be started.
        """
        with self.tree(rev) as tree:
            job = version_job(tree, test, model, rev, attempt)
        return self.run(job, again=again)

    def evaluate_file(
        self,
        test: ModelTest,
        model: str,
        place: Path,
        *,
        again: bool = False,
        attempt: int = 0,
        parent_model: str = "",
    ) -> TestResult:
        """The result of a test of a file that Git doesn't have.

        Args:
            test: The test.
            model: The model's path in the repository, that it has or would have.
            place: The file; or a folder with the files of the model, by their names.
            again: As for `evaluate`.
            attempt: As for `evaluate`.
            parent_model: The digest of the version of its first parent that the file was made from; empty for
                that of the model's record.

        Raises:
            UsageError, ThetaError: As for `evaluate`.
        """
        with self.tree("") as tree:
            job = file_job(tree, test, model, place, self._threads, attempt, parent_model)
        return self.run(job, again=again)

    @contextmanager
    def tree(self, rev: str) -> Iterator[LineageTree]:
        """The tree of a revision; of the index if it's empty.

        Raises:
            UsageError: There's no such revision.
        """
        oid = resolve_commit(self._repository.git, rev) if rev else None
        with LineageTree(self._repository, oid) as tree:
            yield tree

    def expect(self, jobs: Iterable[TestJob]) -> None:
        """Say that jobs will be run: files that they have in common are written once.

        Raises:
            UsageError, ThetaError: As for `known`.
        """
        if self._elsewhere:
            return
        versions: dict[str, list[TestedVersion]] = {}
        for job in jobs:
            key = job.key(self._inputs.of(job.test))
            if job.place is None and not self._cache.get(key, "", "", ""):
                versions[key] = [job.version, *([job.parent] if job.parent else [])]
        if versions:
            self._copies.expect(version for several in versions.values() for version in several)

    def known(self, job: TestJob) -> TestResult | None:
        """The result of an earlier run on the same content; `None` if there's none.

        Raises:
            UsageError, ThetaError: A file that the command reads isn't there, or can't be read.
        """
        key = job.key(self._inputs.of(job.test))
        return self._cache.get(key, job.test.name, job.version.name, job.rev)

    def run(self, job: TestJob, *, again: bool = False) -> TestResult:
        """Run a job, or take the result of an earlier run on the same content.

        Raises:
            UsageError: A file that the command reads isn't there.
            ThetaError: As for `evaluate`.
        """
        result = self._result(job, again)
        return replace(result, remark=job.remark) if job.remark else result

    def _result(self, job: TestJob, again: bool) -> TestResult:
        inputs = self._inputs.of(job.test)
        key = job.key(inputs)
        # Two threads with the same content run it once.
        with self._lock:
            turn = self._turns.setdefault(key, Lock())
        with turn:
            if not again and (found := self._cache.get(key, job.test.name, job.version.name, job.rev)):
                return found
            found_elsewhere = self._elsewhere(job, again) if self._elsewhere else None
            result, is_lasting = found_elsewhere or self._run(job)
            changed = [path for path, now in self._inputs.of(job.test).items() if inputs.get(path) != now]
            if changed:
                problem = f"{changed[0]} was changed while the test ran"
                return replace(result, ok=False, value=None, problem=problem, is_disturbed=True)
            if is_lasting:
                self._cache.put(key, result)
            return result

    def _run(self, job: TestJob) -> tuple[TestResult, bool]:
        """The result of a job, and whether the same content will have it again."""
        with ExitStack() as stack:
            if job.place is None:
                copy = stack.enter_context(self._copies.copy(job.version))
            else:
                copy = stack.enter_context(self._copies.linked(job.version, job.place))
            parent = stack.enter_context(self._copies.copy(job.parent)) if job.parent else None
            own = stack.enter_context(self._copies.empty_folder())
            words = job.test.filled_in(
                {
                    "{model}": str(copy),
                    "{folder}": str(copy if job.version.is_sharded else copy.parent),
                    "{path}": job.version.name,
                    "{parent}": str(parent or ""),
                    "{out}": str(own / _OUT),
                }
            )
            program = self._program(job.test, words)
            text = _out_text(own / _OUT) if job.test.uses("{out}") else program.stdout
        found = verdict(job.test, program, text)
        result = TestResult(
            job.test.name,
            job.version.name,
            job.rev,
            job.version.digest,
            found.value,
            found.ok,
            False,
            program.seconds,
            found.problem,
            found.is_skipped,
            found.output,
        )
        return result, found.is_lasting

    def _program(self, test: ModelTest, words: list[str]) -> EndedProgram:
        try:
            # Python writes what it compiled beside its source, and nothing is written there.
            env = {"PYTHONDONTWRITEBYTECODE": "1", **os.environ}
            return self._programs.run(words, self._folder, env, test.timeout)
        except InterruptedError:
            raise
        except (OSError, ValueError) as error:
            raise ThetaError(
                f"test {test.name}: {words[0]} can't be run: {start_problem(error)}",
                f"mend its command in {TESTS_FILE}",
            ) from error

    @cached_property
    def _folder(self) -> Path:
        """The folder that commands run in: the top of the work tree; of a bare repository, Git's own."""
        with suppress(GitError):
            return self._repository.root
        return self._repository.common_dir

    @cached_property
    def _inputs(self) -> CommandInputs:
        return CommandInputs(self._folder)

    @property
    def _copies(self) -> ModelCopies:
        with self._lock:
            return self._made_copies

    @cached_property
    def _made_copies(self) -> ModelCopies:
        folder = self._stack.enter_context(scratch_folder(self._repository))
        return ModelCopies(self._repository, folder, self._threads)


def _out_text(place: Path) -> bytes:
    """The text of the file that a command was to write its metric to; empty if there's none."""
    try:
        if place.is_symlink() or not place.is_file():
            raise FileNotFoundError
        with open(place, "rb") as file:
            return file.read(_MAX_OUT)
    except OSError:
        return b""
