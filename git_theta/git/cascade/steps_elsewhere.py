"""Steps of a cascade on the workers of a cluster: the remote brings the index there, models come back."""

from __future__ import annotations

import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from git_theta.cascade.state import CascadeOptions, StepState
from git_theta.errors import CorruptError
from git_theta.git.cascade.head import index_tree
from git_theta.git.cascade.step_job import StepJob, StepJobResult
from git_theta.git.cascade.step_program import job_text, parse_result
from git_theta.git.history.revisions import resolve_commit
from git_theta.git.install.set_up import is_set_up
from git_theta.git.jobs.remote_source import RemoteSource, check_pushed, remote_source
from git_theta.git.jobs.stopping import stopped_if_unwanted
from git_theta.git.jobs.timed_git import worker_environment
from git_theta.git.jobs.worker_clone import GIT_PATIENCE
from git_theta.git.jobs.worker_repository import worker_repository
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.notices import note
from git_theta.git.remote.remotes import chosen_remote
from git_theta.git.repository.repository import Repository
from git_theta.jobs.executors import open_executor
from git_theta.jobs.job import JobPlace, WorkerError
from git_theta.jobs.run_jobs import run_jobs
from git_theta.lineage.record import MAX_RECORD
from git_theta.model.manifest_text import MAX_TEXT_BYTES, parse_if_manifest
from git_theta.runtime.programs import Programs

#: Steps that wait for workers at once, at most.
STEPS_AT_ONCE = 64

#: Refs of the remote with the index that a step starts from, while it runs.
_REFS = "refs/theta/cascade/"

#: Bytes of all objects that a step sends back, at most: they go through the memory of the cluster.
_MAX_SENT = 2 << 30


#: Begins a step, which starts from the index as it is then.
Submit = Callable[[StepState], Future[StepJobResult]]


@dataclass(frozen=True, slots=True)
class SentStep:
    """A step that a worker has carried out.

    Attributes:
        result: The result.
        blobs: Id → bytes of each text in it that Git stores: manifests and records.
        objects: Name → bytes of each object that the worker has made.
    """

    result: StepJobResult
    blobs: Mapping[str, bytes] = field(default_factory=dict)
    objects: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RemoteStepJob:
    """A step whose command runs in a clone of a remote.

    Attributes:
        source: The remote.
        commit: The id of a commit that has the index in which the step starts.
        tree_id: The tree of that index.
        running: The step.
        options: The user's choices about how.
        patience: Seconds for Git to get the commit.
    """

    source: RemoteSource
    commit: str
    tree_id: str
    running: StepState
    options: CascadeOptions
    patience: float = GIT_PATIENCE

    @property
    def title(self) -> str:
        """The model."""
        return self.running.step.name

    def run(self, place: JobPlace) -> SentStep:
        """Carry out the step.

        Raises:
            WorkerError: The clone can't be made, or what is made is too large to be sent.
        """
        programs = Programs()
        with (
            worker_repository(place, self.source, self.patience, self.commit) as repository,
            stopped_if_unwanted(place, programs.stop),
        ):
            folder = repository.root
            if not is_set_up(repository.git):
                _run(programs, folder, "-m", "git_theta", "install", "--local")
            with tempfile.TemporaryDirectory(dir=place.folder) as temporary:
                file = Path(temporary) / "step.json"
                file.write_text(job_text(StepJob(folder, self.tree_id, self.running, self.options)))
                _run(programs, folder, "-m", "git_theta.git.cascade.step_program", str(file))
                result = parse_result(file.read_text())
            return _sent(repository, result, self.commit)


def _run(programs: Programs, folder: Path, *words: str) -> None:
    """Run Python with this package.

    Raises:
        WorkerError: It failed.
    """
    done = programs.run([sys.executable, "-P", *words], folder, worker_environment())
    if done.code:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise WorkerError(f"{words[1]} failed on the worker: {said[-1] if said else done.code}")


def _sent(repository: Repository, result: StepJobResult, commit: str) -> SentStep:
    """A result with all that the repository here lacks."""
    blobs: dict[str, bytes] = {}
    objects: dict[str, bytes] = {}
    store, git = repository.store, repository.git
    there = {
        record.split(b" ")[2].split(b"\t")[0].decode()
        for record in git.records("ls-tree", "-r", "-z", commit)
    }
    with Blobs(git.cwd) as reader:
        for oid in _blobs_of(result.after):
            if oid in there:
                continue
            data = reader.read(oid, max(MAX_TEXT_BYTES, MAX_RECORD)) or b""
            blobs[oid] = data
            manifest = parse_if_manifest(data)
            for name in manifest.oids() if manifest else ():
                if name not in objects and store.path(name).exists():
                    objects[name] = bytes(store.get(name))
                if sum(map(len, objects.values())) > _MAX_SENT:
                    raise WorkerError(
                        f"what it made is larger than {_MAX_SENT >> 30} GiB, and can't be sent back"
                    )
    return SentStep(result, blobs, objects)


def _blobs_of(lines: Sequence[str]) -> list[str]:
    """Ids of blobs in lines of `index_lines`."""
    heads = [line.partition("\t")[0].split(" ") for line in lines]
    return [head[1] for head in heads if len(head) == 3]


def check_seen_elsewhere(repository: Repository) -> None:
    """Check that workers can see the commit that a cascade starts from.

    Raises:
        UsageError: There's no remote, or it doesn't have HEAD.
    """
    remote_source(repository)
    check_pushed(repository, [resolve_commit(repository.git, "HEAD")])


@contextmanager
def steps_elsewhere(repository: Repository, options: CascadeOptions) -> Iterator[Submit]:
    """A function that has workers carry out a step, which starts from the index as it is then.

    Args:
        repository: The repository, with Git at the top.
        options: The user's choices about how.

    Raises:
        UsageError: The address isn't one, or there's no remote.
        ClusterError: The cluster can't be used.
    """
    source = remote_source(repository)
    with open_executor(1, options.executor) as executor, ThreadPoolExecutor(STEPS_AT_ONCE) as pool:
        steps = _StepsElsewhere(repository, source, executor, options)
        try:
            yield lambda running: pool.submit(steps.run, index_tree(repository.git), running)
        except BaseException:
            # The pool waits for its threads, which wait for workers.
            executor.shutdown(wait=False)
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@dataclass(frozen=True)
class _StepsElsewhere:
    """Has workers carry out steps; for several threads.

    Attributes:
        repository: The repository, with Git at the top.
        source: The remote.
        executor: The workers.
        options: The user's choices about how.
    """

    repository: Repository
    source: RemoteSource
    executor: Executor
    options: CascadeOptions

    def run(self, tree_id: str, running: StepState) -> StepJobResult:
        """The result of a step, the files of which Git and the store have then."""
        git = self.repository.git
        message = f"Start of a step of a cascade: {running.step.name}"
        commit = git.line("commit-tree", tree_id, "-p", "HEAD", "-m", message)
        remote, ref = chosen_remote(self.repository, ""), f"{_REFS}{uuid.uuid4().hex}"
        git.run("push", "-q", remote, f"{commit}:{ref}")
        try:
            job = RemoteStepJob(self.source, commit, tree_id, running, self.options)
            ((_, report),) = run_jobs(self.executor, [job], note)
        finally:
            git.ok("push", "-q", "--no-verify", remote, f":{ref}")
        if report.problem:
            raise report.error
        sent: SentStep = report.result
        self._keep(sent)
        return sent.result

    def _keep(self, sent: SentStep) -> None:
        """Store what a worker has made.

        Raises:
            CorruptError: It isn't what its name says.
        """
        for name, data in sent.objects.items():
            if self.repository.store.put([data]) != name:
                raise CorruptError(f"a worker sent another object than {name}")
        for oid, data in sent.blobs.items():
            stored = self.repository.git.run("hash-object", "-w", "--stdin", stdin=data)
            if stored.decode().strip() != oid:
                raise CorruptError(f"a worker sent another blob than {oid}")
