"""`git theta run` and `git theta rerun`: commands that make models, and the records of how they did."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from git_theta.errors import ThetaError, UsageError
from git_theta.git.lineage.edit_record import check_record, read_record, write_record
from git_theta.git.lineage.run_command import (
    RunError,
    change_index,
    check_not_ignored,
    check_places,
    check_tracked,
    check_written,
    dirty_paths,
    restored_on_failure,
    run_program,
    stat_of,
)
from git_theta.git.lineage.run_environment import run_environment
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.lineage.command_words import filled_in
from git_theta.lineage.graph import LineageError
from git_theta.lineage.record import LineageRecord, RecordedParent, RecordedRun, record_path
from git_theta.model.manifest_text import is_manifest

#: The beginning of a blob's id in a record.
_BLOB = "git:"

#: Durations from this one on are recorded in whole seconds.
_WHOLE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A command to run, and the models and files that it's about.

    Attributes:
        words: The command's words; see `filled_in`.
        outputs: Names of the models that it makes.
        parents: The models that it makes them from.
        inputs: Paths from the top, of files that it reads.
        folder: The folder to run it in, from the top; empty for the top.
        relation: The kind of derivation; empty if it isn't said.
        why: The reason; empty if there's none.
        seed: A seed that the command was given; `None` if there's none.
        dirty: Whether inputs and parents may differ from the index.
        keep: Whether a failure leaves outputs as the command made them.
        timeout: Seconds that the command may take, without a user in front of it; `None` for any time.
        to_stderr: Whether the command's output goes to stderr, as stdout is for something else.
        is_again: Whether the command ran before. Old outputs are out of its way then, as they were the first
            time.
    """

    words: tuple[str, ...]
    outputs: tuple[str, ...]
    parents: tuple[RecordedParent, ...] = ()
    inputs: tuple[str, ...] = ()
    folder: str = ""
    relation: str = ""
    why: str = ""
    seed: int | None = None
    dirty: bool = False
    keep: bool = False
    timeout: float | None = None
    to_stderr: bool = False
    is_again: bool = False


@dataclass(frozen=True, slots=True)
class RunResult:
    """Models that a command made, and their records.

    Attributes:
        models: Name → digest of the parameters, of each output.
        records: Paths of the records that were written.
        inputs: Paths of the inputs that were recorded.
        kept: Parents that records had before, as the request names none.
    """

    models: Mapping[str, str]
    records: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def run_and_record(
    repository: Repository, request: RunRequest, accept: Callable[[], object] = lambda: None
) -> RunResult:
    """Run a command, stage the models that it made, and write and stage their records.

    Args:
        repository: The repository, with Git at the top.
        request: The command.
        accept: Called when the outputs are in the work tree, before they're staged. If it raises an error,
            files are as they were.

    Raises:
        UsageError: An output isn't tracked, or an input isn't as in the index.
        LineageError: An output is a parent, too.
        RunError: The command failed, or didn't make its outputs, or inputs changed while it ran. Files and
            records are as they were. Or Git can't add the outputs: they stay in the work tree.
    """
    _check(repository, request)
    inputs = _recorded_inputs(repository, request)
    named = _read_versions(repository, request)
    environment = run_environment(request.words, str(repository.root / request.folder))
    _check_circles(request)
    _check_records(repository, request, RecordedRun(request.words, inputs, (), environment))
    with restored_on_failure(repository, request.outputs, keep=request.keep):
        seconds = run_outputs(repository, request)
        _check_unchanged(repository, request, inputs, named)
        accept()
    models = _staged(repository, request.outputs)
    run = RecordedRun(
        request.words, inputs, _others(request), environment, request.seed, request.folder, seconds
    )
    with LineageTree(repository) as tree:
        kept = [] if named else [each.name for name in request.outputs for each in _old(tree, name).parents]
        records = [
            write_record(tree, name, _record(tree, name, request, named, models[name], run))
            for name in request.outputs
        ]
    change_index(repository.git, "add", "--", *_specs(records))
    return RunResult(models, tuple(records), tuple(inputs), tuple(dict.fromkeys(kept)))


def _read_versions(repository: Repository, request: RunRequest) -> tuple[RecordedParent, ...]:
    """The parents with the versions that the command reads; those of files unlike the index are unknown."""
    found = []
    for parent in request.parents:
        dirty = dirty_paths(repository.git, _files_of(repository, parent))
        found.append(replace(parent, model="") if dirty else parent)
    return tuple(found)


def _old(tree: LineageTree, name: str) -> LineageRecord:
    """The record that an output has; an empty one if it has none."""
    return read_record(tree, name) or LineageRecord()


def _record(
    tree: LineageTree,
    name: str,
    request: RunRequest,
    parents: tuple[RecordedParent, ...],
    model: str,
    run: RecordedRun,
) -> LineageRecord:
    """The record of an output, with what the old one has beside the run."""
    old = _old(tree, name)
    return replace(
        old,
        relation=request.relation or old.relation,
        model=model or old.model,
        parents=parents or old.parents,
        why=request.why or old.why,
        run=run,
        is_moved=False,
    )


def _check_records(repository: Repository, request: RunRequest, run: RecordedRun) -> None:
    """Check that the records can be written, before hours of work depend on it.

    Raises:
        RecordError: An old record isn't valid, or the new one would be too large.
        UsageError: A record's place is a link, or is ignored by Git.
    """
    with LineageTree(repository) as tree:
        run = replace(run, outputs=_others(request), seed=request.seed, folder=request.folder)
        for name in request.outputs:
            check_record(tree, name, _record(tree, name, request, request.parents, "", run))
    check_not_ignored(repository.git, [record_path(name) for name in request.outputs])


def _specs(paths: Sequence[str]) -> list[str]:
    """Pathspecs that stand for these paths from the top alone, whatever characters are in them."""
    return [f":(top,literal){path}" for path in paths]


def run_outputs(repository: Repository, request: RunRequest) -> float:
    """Run a command, and check that it wrote its outputs; the seconds that it took.

    Raises:
        RunError: It failed, or didn't.
    """
    if request.is_again:
        for path in request.outputs:
            (repository.root / path).unlink(missing_ok=True)
    before = {path: stat_of(repository.root / path) for path in request.outputs}
    cwd = repository.root / request.folder
    paths = [os.path.relpath(repository.root / path, cwd) for path in request.outputs]
    began = time.monotonic()
    words = filled_in(request.words, paths)
    run_program(words, cwd, os.environ, request.timeout, to_stderr=request.to_stderr)
    seconds = time.monotonic() - began
    check_written(repository, before)
    return round(seconds) if seconds >= _WHOLE_SECONDS else round(seconds, 1)


def recorded_request(repository: Repository, name: str) -> tuple[RunRequest, LineageRecord]:
    """The command by which a model was made, as its record says.

    Raises:
        UsageError: The record has no command.
        RecordError: The record isn't valid.
    """
    with LineageTree(repository) as tree:
        record = read_record(tree, name)
    if record is None or record.run is None:
        raise UsageError(f"it isn't known how {name} was made", f"{record_path(name)} has no [run]")
    run = record.run
    outputs = run.outputs or (name,)
    request = RunRequest(
        run.command,
        outputs,
        record.parents,
        tuple(run.inputs),
        run.folder,
        record.relation,
        seed=run.seed,
        is_again=True,
    )
    return request, record


def changes_since(repository: Repository, record: LineageRecord) -> list[str]:
    """Sentences about inputs and parents that aren't those of a recorded run."""
    moved = "the model was moved onto new versions of its parents since the command ran"
    told = [moved] if record.is_moved else []
    with LineageTree(repository) as tree:
        for path, blob in sorted(record.run.inputs.items()) if record.run else ():
            if path not in tree.files:
                told.append(f"input {path} isn't here any more")
            elif blob != f"{_BLOB}{tree.files[path]}":
                told.append(f"input {path} has changed")
        for parent in record.parents:
            facts = tree.facts_or_none(parent.path) if parent.path in tree.models else None
            if parent.path and facts is None:
                told.append(f"parent {parent.path} isn't here any more")
            elif facts and parent.model and facts.model != parent.model:
                told.append(f"parent {parent.path} has changed")
    return told


def _check(repository: Repository, request: RunRequest) -> None:
    if not request.words:
        raise UsageError("which command?", "git theta run --out MODEL -- COMMAND")
    if not request.outputs:
        raise UsageError("what does the command make?", "--out MODEL")
    check_tracked(repository.git, request.outputs)
    check_places(repository, request.outputs, request.folder)
    filled_in(request.words, request.outputs)
    reads = _reads(repository, request)
    if not request.dirty:
        dirty = dirty_paths(repository.git, reads)
        if dirty:
            raise UsageError(
                f"{dirty[0]} isn't as Git has it, and the record would name another version",
                f"add it first: git add {dirty[0]}; or --dirty",
            )
        written = [path for path in request.outputs if (repository.root / path).exists()]
        lost = dirty_paths(repository.git, written)
        if lost:
            raise UsageError(f"{lost[0]} has changes that Git doesn't have", f"git add {lost[0]}; or --dirty")
    for path in reads:
        place = repository.root / path
        if not place.is_file():
            raise UsageError(f"{path} isn't in the work tree", f"git restore {path}")
        with open(place, "rb") as file:
            if is_manifest(file.read(64)):
                raise UsageError(f"{path} is still a manifest", f"git theta pull {path}")


def _reads(repository: Repository, request: RunRequest) -> list[str]:
    """Paths of all files that a command reads: inputs, and the files of its parents."""
    files = [path for parent in request.parents for path in _files_of(repository, parent)]
    return list(dict.fromkeys((*request.inputs, *files)))


def _files_of(repository: Repository, parent: RecordedParent) -> tuple[str, ...]:
    """Paths of the files of a parent; none if it's elsewhere."""
    with LineageTree(repository) as tree:
        return tree.models[parent.path].files if parent.path in tree.models else ()


def _recorded_inputs(repository: Repository, request: RunRequest) -> dict[str, str]:
    """Path → id of the blob with the content of each input, as it's in the work tree."""
    if not request.inputs:
        return {}
    listing = repository.git.records(
        "ls-files", "-s", "-z", "--", *(f":(top,literal){path}" for path in request.inputs)
    )
    blobs = {}
    for record in listing:
        head, _, name = record.partition(b"\t")
        blobs[os.fsdecode(name)] = head.split(b" ")[1].decode()
    for path in dirty_paths(repository.git, request.inputs):
        if not (repository.root / path).is_file():
            raise RunError(f"input {path} isn't in the work tree any more: the record would be wrong")
        blobs[path] = repository.git.line("hash-object", "--", str(repository.root / path))
    return {path: f"{_BLOB}{blobs[path]}" for path in sorted(request.inputs)}


def _check_circles(request: RunRequest) -> None:
    for parent in request.parents:
        if parent.path in request.outputs:
            raise LineageError(
                f"{parent.path} can't be made from itself",
                "its versions are in Git's history: leave --from out",
            )


def _check_unchanged(
    repository: Repository,
    request: RunRequest,
    inputs: Mapping[str, str],
    parents: Sequence[RecordedParent],
) -> None:
    """Check that what a command read is as it was before.

    Args:
        repository: The repository.
        request: The command.
        inputs: Path → blob of each input, before.
        parents: The parents with the versions that were there before.

    Raises:
        RunError: It isn't.
    """
    now = _recorded_inputs(repository, request)
    for path, blob in inputs.items():
        if now[path] != blob:
            raise RunError(f"input {path} was changed while the command ran: the record would be wrong")
    with LineageTree(repository) as tree:
        found = {
            name: tree.facts_or_none(name)
            for name in (parent.path for parent in parents)
            if name in tree.models
        }
    dirty = {parent.path for parent in _read_versions(repository, request) if not parent.model}
    for parent in parents:
        facts = found.get(parent.path)
        if (
            parent.path
            and parent.model
            and (parent.path in dirty or not facts or facts.model != parent.model)
        ):
            raise RunError(
                f"parent {parent.path} was changed while the command ran: the record would be wrong"
            )


def _staged(repository: Repository, outputs: Sequence[str]) -> dict[str, str]:
    """Stage outputs; name → digest of the parameters.

    Raises:
        RunError: An output can't be staged, or isn't a model.
    """
    git = repository.git
    before = git.run("ls-files", "-s", "-z", "--", *_specs(outputs))
    try:
        change_index(git, "add", "--", *_specs(outputs))
        with LineageTree(repository) as tree:
            return {path: tree.facts(_model(tree, path)).model for path in outputs}
    except BaseException as error:
        names = b"".join(os.fsencode(path) + b"\0" for path in outputs)
        git.ok("update-index", "--force-remove", "-z", "--stdin", stdin=names)
        git.ok("update-index", "-z", "--index-info", stdin=before)
        if isinstance(error, ThetaError):
            hint = f"{error.hint}; " if error.hint else ""
            raise RunError(
                f"the outputs can't be added: {error.message}",
                f"{hint}they are in the work tree, as the command made them, and not recorded",
            ) from error
        raise


def _model(tree: LineageTree, path: str) -> str:
    """The path, if it's a model of the index.

    Raises:
        RunError: It isn't.
    """
    if path not in tree.models:
        raise RunError(f"{path} isn't a model")
    return path


def _others(request: RunRequest) -> tuple[str, ...]:
    return request.outputs if len(request.outputs) > 1 else ()


def top_folder(git: Git, root: Path) -> str:
    """The current folder from the top; empty for the top."""
    found = os.path.relpath(git.folder, root)
    return "" if found == "." else found
