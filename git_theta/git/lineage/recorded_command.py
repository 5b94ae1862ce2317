"""The command by which a model was made, as its record says, and what has changed since."""

from __future__ import annotations

from git_theta.errors import UsageError
from git_theta.git.lineage.edit_record import read_record
from git_theta.git.lineage.run_request import RunRequest
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.repository.repository import Repository
from git_theta.lineage.record import BLOB, LineageRecord, record_path


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
            elif blob != f"{BLOB}{tree.files[path]}":
                told.append(f"input {path} has changed")
        for parent in record.parents:
            facts = tree.facts_or_none(parent.path) if parent.path in tree.models else None
            if parent.path and facts is None:
                told.append(f"parent {parent.path} isn't here any more")
            elif facts and parent.model and facts.model != parent.model:
                told.append(f"parent {parent.path} has changed")
    return told
