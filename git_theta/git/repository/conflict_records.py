"""Records of files in conflict, in Git's folder of the work tree.

Git's index has the versions of such a file. A record adds the parameters that are unresolved and the
decisions so far. It's valid as long as the index has the same versions.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path

from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.merging.outcome import Conflict
from git_theta.merging.purpose import Operation, Purpose
from git_theta.runtime.atomic_write import atomic_write
from git_theta.runtime.shared_folders import make_folders, share

_VERSION = 1


@dataclass(frozen=True, slots=True)
class ConflictStages:
    """The versions of a file in conflict, as ids of blobs in the index; empty for a version without the file.

    Attributes:
        base: Stage 1.
        ours: Stage 2.
        theirs: Stage 3.
        mode: The merged mode: that of the side that changed it; ours if both sides or none did.
    """

    base: str
    ours: str
    theirs: str
    mode: str = "100644"

    @property
    def ids(self) -> tuple[str, str, str]:
        """The ids of base, ours and theirs."""
        return self.base, self.ours, self.theirs


@dataclass(frozen=True, slots=True)
class ConflictRecord:
    """The state of a file in conflict.

    Attributes:
        path: The file's path from the top of the work tree.
        ids: The blobs of base, ours and theirs; empty for a version without the file.
        conflicts: The parameters that are unresolved.
        rules: The decisions so far, as texts of merge rules.
        fallback: The decisions for all parameters that would be in conflict otherwise.
        left: The stamp of the file as the merge left it; see `file_stamp`. Empty if it isn't known.
        process: Id of the git process that merges; 0 if it isn't known.
        operation: The operation of the conflict; `None` if the record doesn't have it.
        given: The rules given for the operation, as texts of merge rules.
        base: The blob of the base that the user gave; empty for that of `ids`.
    """

    path: str
    ids: tuple[str, str, str]
    conflicts: tuple[Conflict, ...]
    rules: tuple[str, ...] = ()
    fallback: tuple[str, ...] = ()
    left: tuple[int, ...] = ()
    process: int = 0
    operation: Operation | None = None
    given: tuple[str, ...] = ()
    base: str = ""


def file_stamp(status: os.stat_result) -> tuple[int, ...]:
    """Inode, size in bytes and mtime in nanoseconds: another one once the file is written again."""
    return status.st_ino, status.st_size, status.st_mtime_ns


def index_is_locked(repository: Repository) -> bool:
    """Whether a command is writing the index.

    Merges that put conflicts into it do; `git merge-tree`, `git show --remerge-diff` and others only look.
    """
    index = os.environ.get("GIT_INDEX_FILE") or repository.git_dir / "index"
    return os.path.lexists(f"{index}.lock")


def read_stages(git: Git, path: str) -> ConflictStages | None:
    """The versions of a file in the index; `None` if it isn't in conflict."""
    found, modes = {}, {}
    for record in git.run("ls-files", "-u", "-z", "--", f":(top,literal){path}").split(b"\0"):
        fields, _, name = record.partition(b"\t")
        if record and os.fsdecode(name) == path:
            bits, oid, stage = fields.decode().split(" ")
            found[stage], modes[stage] = oid, bits
    if not found:
        return None
    ours, theirs = (modes.get(stage, "") for stage in ("2", "3"))
    mode = theirs if theirs and ours in ("", modes.get("1")) else ours or modes["1"]
    return ConflictStages(found.get("1", ""), found.get("2", ""), found.get("3", ""), mode)


def read_record(repository: Repository, path: str) -> ConflictRecord | None:
    """The record of a file; `None` if there's none, or it can't be read."""
    record = _read(_place(repository, path))
    return record if record and record.path == path else None


def note_files_left(repository: Repository, process: int) -> None:
    """Note how a git process, which has ended its merge, leaves the files in conflict.

    Git may write such a file once more after its merge driver ended.

    Raises:
        OSError: A record can't be written.
    """
    for place in _folder(repository).glob("*.json"):
        record = _read(place)
        if record and process and record.process == process:
            with suppress(FileNotFoundError):
                stamp = file_stamp(os.lstat(repository.git.path(record.path)))
                write_record(repository, replace(record, left=stamp, process=0))


def _read(place: Path) -> ConflictRecord | None:
    """The record in a file; `None` if it can't be read."""
    try:
        data = json.loads(place.read_bytes())
        if data["version"] != _VERSION:
            return None
        base, ours, theirs = map(str, data["ids"])
        return ConflictRecord(
            str(data["path"]),
            (base, ours, theirs),
            tuple(Conflict(str(item["name"]), str(item["reason"])) for item in data["conflicts"]),
            tuple(map(str, data["rules"])),
            tuple(map(str, data["fallback"])),
            tuple(map(int, data.get("left", ()))),
            int(data.get("process", 0)),
            Operation(Purpose(data["purpose"]), str(data["command"])) if "purpose" in data else None,
            tuple(map(str, data.get("given", ()))),
            str(data.get("base", "")),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def current_record(repository: Repository, path: str) -> ConflictRecord | None:
    """The record of a file, if it's about the versions that the index has now; `None` otherwise.

    A record about other versions is removed.
    """
    record = read_record(repository, path)
    if record is None:
        return None
    now = read_stages(repository.git, path)
    if now is None or (now.ours, now.theirs) != record.ids[1:]:
        remove_record(repository, path)
        return None
    return record


def write_record(repository: Repository, record: ConflictRecord) -> None:
    """Write the record of a file, or replace it."""
    place = _place(repository, record.path)
    make_folders(place.parent)
    data = {"version": _VERSION, **asdict(record)}
    operation = data.pop("operation")
    if record.operation is not None:
        data |= {"purpose": record.operation.purpose.value, "command": operation["name"]}
    text = json.dumps(data, indent=1)
    atomic_write(place, text.encode(), mode=0o600)
    share(place)


def remove_record(repository: Repository, path: str) -> None:
    """Remove the record of a file, if there is one."""
    _place(repository, path).unlink(missing_ok=True)


def _place(repository: Repository, path: str) -> Path:
    key = blake2b(os.fsencode(path), digest_size=16).hexdigest()
    return _folder(repository) / f"{key}.json"


def _folder(repository: Repository) -> Path:
    return repository.git_dir / "theta" / "conflicts"
