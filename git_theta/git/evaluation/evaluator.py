"""Runs tests of models: on scratch copies, or on files that Git doesn't have; each content once."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from threading import Lock
from types import TracebackType

from git_theta.checkpoint_file import fingerprint
from git_theta.errors import GitError, ThetaError, UsageError
from git_theta.evaluation.model_test import ModelTest
from git_theta.evaluation.result import TestResult
from git_theta.evaluation.tests_text import TESTS_FILE
from git_theta.evaluation.verdict import verdict
from git_theta.git.evaluation.command_inputs import CommandInputs
from git_theta.git.evaluation.model_copies import ModelCopies
from git_theta.git.evaluation.result_cache import ResultCache
from git_theta.git.evaluation.scratch import scratch_folder
from git_theta.git.evaluation.tested_version import TestedVersion, files_beside, tested_version
from git_theta.git.history.revisions import resolve_commit
from git_theta.git.lineage.read_graph import graph_of
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.work_file import work_file
from git_theta.git.repository.repository import Repository
from git_theta.model.strided import temporary_file
from git_theta.runtime.programs import EndedProgram, Programs

#: The name of the file in a scratch folder that `{out}` stands for.
_OUT = "metric"

#: Bytes of that file, at most.
_MAX_OUT = 16 << 20


@dataclass(frozen=True, slots=True)
class TestJob:
    """A test of a version of a model, ready to run.

    Attributes:
        test: The test.
        rev: The revision, as the user named it; empty for the index, and for files that Git doesn't have.
        version: The version.
        parent: The version of its first parent, if the command reads it.
        place: The file, or the folder of files, to be tested; `None` to make a copy of the version.
    """

    #: For pytest, which takes classes of such names for tests.
    __test__ = False

    test: ModelTest
    rev: str
    version: TestedVersion
    parent: TestedVersion | None = None
    place: Path | None = None


class Evaluator:
    """Runs tests for one command of the user. For several threads; a context manager.

    Args:
        repository: The repository, with Git anywhere in it.
        threads: The number of parameters of a model to decode at once; by default, as the settings have it.
    """

    def __init__(self, repository: Repository, threads: int | None = None) -> None:
        self._repository = repository
        self._threads = threads or repository.settings.thread_count
        self._cache = ResultCache(repository.common_dir / "theta")
        self._programs = Programs()
        self._stack = ExitStack()
        self._stack.callback(self._cache.close)
        self._lock = Lock()

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

    def evaluate(self, test: ModelTest, model: str, rev: str = "", *, again: bool = False) -> TestResult:
        """The result of a test of a version that Git has.

        Args:
            test: The test.
            model: The model's path in the version.
            rev: The revision; empty for the index.
            again: Whether the command runs even if it ran on this content before.

        Raises:
            UsageError: There's no such version, or a file that the command reads isn't there.
            ThetaError: The version can't be written, or the command can't be started.
        """
        return self.run(self.job(test, model, rev), again=again)

    def evaluate_file(self, test: ModelTest, model: str, place: Path, *, again: bool = False) -> TestResult:
        """The result of a test of a file that Git doesn't have.

        Args:
            test: The test.
            model: The model's path in the repository, that it has or would have.
            place: The file; or a folder with the files of the model, by their names.
            again: As for `evaluate`.

        Raises:
            UsageError, ThetaError: As for `evaluate`.
        """
        return self.run(self.file_job(test, model, place), again=again)

    def job(self, test: ModelTest, model: str, rev: str = "") -> TestJob:
        """The job of a test of a version that Git has; errors as for `evaluate`."""
        with self._tree(rev) as tree:
            version = tested_version(tree, model)
            return TestJob(test, rev, version, self._parent(tree, test, model))

    def file_job(self, test: ModelTest, model: str, place: Path) -> TestJob:
        """The job of a test of a file that Git doesn't have; errors as for `evaluate_file`."""
        names = sorted(each.name for each in place.iterdir()) if place.is_dir() else [place.name]
        files = {}
        for name in names:
            path = place / name if place.is_dir() else place
            with work_file(os.fspath(path)) as file:
                if file is None:
                    raise UsageError(f"{path} isn't a file that can be tested")
                manifest = fingerprint(file.data, self._threads, temporary_file, neighbours=file.neighbours)
            # A copy has the model's own name.
            files[name if place.is_dir() else model.rpartition("/")[2]] = manifest
        with self._tree("") as tree:
            beside = files_beside(tree, model, list(files))
            version = TestedVersion(model, files, beside, is_sharded=place.is_dir())
            return TestJob(test, "", version, self._parent(tree, test, model), place)

    def run(self, job: TestJob, *, again: bool = False) -> TestResult:
        """Run a job, or take the result of an earlier run on the same content.

        Raises:
            ThetaError: As for `evaluate`.
        """
        inputs = self._inputs.of(job.test)
        key = _key(job, inputs)
        model, rev = job.version.name, job.rev
        if not again and (found := self._cache.get(key, job.test.name, model, rev)):
            return found
        result, is_lasting = self._run(job)
        changed = [path for path, now in self._inputs.of(job.test).items() if inputs.get(path) != now]
        if changed:
            problem = f"{changed[0]} was changed while the test ran"
            return replace(result, ok=False, value=None, problem=problem)
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
            reason = (isinstance(error, OSError) and error.strerror) or str(error)
            raise ThetaError(
                f"test {test.name}: {words[0]} can't be run: {reason}",
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

    @contextmanager
    def _tree(self, rev: str) -> Iterator[LineageTree]:
        oid = resolve_commit(self._repository.git, rev) if rev else None
        with LineageTree(self._repository, oid) as tree:
            yield tree

    def _parent(self, tree: LineageTree, test: ModelTest, model: str) -> TestedVersion | None:
        """The version of a model's first parent, if the command reads it.

        Raises:
            UsageError: The model has no parent in the tree.
        """
        if not test.uses("{parent}"):
            return None
        graph = graph_of(tree)
        for name in graph.parents(model) if model in graph.models else ():
            if name in tree.models:
                return tested_version(tree, name)
        raise UsageError(
            f"test {test.name} reads {{parent}}, and {model} has none here",
            "git theta lineage add records what a model was made from",
        )


def _key(job: TestJob, inputs: Mapping[str, str]) -> str:
    """The key of a job's result: a digest of all that it depends on."""
    test = job.test
    facts = {
        **job.version.identity,
        "command": test.command,
        "metric": test.metric,
        "inputs": dict(inputs),
        "path": job.version.name if test.uses("{path}") else "",
        "parent": job.parent.identity if job.parent else None,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _out_text(place: Path) -> bytes:
    """The text of the file that a command was to write its metric to; empty if there's none."""
    try:
        if place.is_symlink() or not place.is_file():
            raise FileNotFoundError
        with open(place, "rb") as file:
            return file.read(_MAX_OUT)
    except OSError:
        return b""
