"""Lineage records: texts that say what a model was made from, and how. One file a derived model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from git_theta.errors import ThetaError
from git_theta.lineage.model_digest import ALGORITHM
from git_theta.table_reader import TableReader

#: The folder of records, from the top of the repository, and the end of their names.
FOLDER = ".theta/lineage/"
SUFFIX = ".toml"

#: Bytes of a record, at most.
MAX_RECORD = 1 << 18

#: The beginning of the id of an input's blob.
BLOB = "git:"

#: Seconds of a run, below: some three centuries.
_MAX_SECONDS = 1e10

_DIGEST = re.compile(re.escape(ALGORITHM) + r"[0-9a-f]{64}", re.ASCII)


class RecordError(ThetaError):
    """A lineage record isn't valid."""


@dataclass(frozen=True, slots=True)
class RecordedParent:
    """A parent in a record: a model of the repository, or one elsewhere.

    Attributes:
        path: Path from the top of the repository; empty if it's elsewhere.
        uri: Where it is, such as `hf:org/name@revision`; empty if it's in the repository.
        model: The digest of the version that the child was made from; empty if unknown.
        relation: The kind of derivation from this parent; empty if it's that of the record.
    """

    path: str = ""
    uri: str = ""
    model: str = ""
    relation: str = ""

    @property
    def name(self) -> str:
        """The path, or the URI."""
        return self.path or self.uri


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A command that made a model.

    Attributes:
        command: Its words. `{out}` stands for the model's path, `{out1}`, … for those of further outputs.
        inputs: Path from the top → `BLOB` and the id of the blob, of files that it reads.
        outputs: Paths of all models that it makes; empty if that's only the record's own.
        environment: Name → version of what it ran with, such as `python` or `torch`.
        seed: The seed that it was given; `None` if none is known.
        folder: The folder that it ran in, from the top; empty for the top.
        seconds: Seconds that it took, in whole ones from ten on; `None` if nobody knows.
    """

    command: tuple[str, ...]
    inputs: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    outputs: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    seed: int | None = None
    folder: str = ""
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class LineageRecord:
    """The content of a record.

    Attributes:
        relation: The kind of derivation, such as `finetune`; empty if it isn't said.
        model: The digest of the model that the record describes; empty if it isn't said.
        parents: The parents, in the order in which they took part.
        why: The user's reason; empty if there's none.
        frozen: Patterns of parameters that are promised to be as in a parent.
        run: The command that made the model; `None` if nobody knows.
        is_inferred: Whether a program found the parents, rather than that somebody said so.
        is_moved: Whether the model was moved onto new versions of its parents since its command ran.
    """

    relation: str = ""
    model: str = ""
    parents: tuple[RecordedParent, ...] = ()
    why: str = ""
    frozen: tuple[str, ...] = ()
    run: RecordedRun | None = None
    is_inferred: bool = False
    is_moved: bool = False


def record_path(model: str) -> str:
    """The path of a model's record."""
    return f"{FOLDER}{model}{SUFFIX}"


def model_of(path: str) -> str | None:
    """The path of the model that a record is of, for the path of the record; `None` if it isn't one."""
    if not path.startswith(FOLDER) or not path.endswith(SUFFIX):
        return None
    name = path[len(FOLDER) : -len(SUFFIX)]
    return name if is_plain_path(name) else None


def is_plain_path(path: str) -> bool:
    """Whether a path leads to a file below the top of the repository, by its text alone."""
    return bool(path) and not any(part in ("", ".", "..") for part in path.split("/")) and "\0" not in path


def parse_record(data: bytes, where: str) -> LineageRecord:
    """The content of a record.

    Args:
        data: The text. Keys that aren't known are left alone.
        where: Its path for messages.

    Raises:
        RecordError: It isn't a valid record.
    """
    if len(data) > MAX_RECORD:
        raise RecordError(f"{where} is larger than {MAX_RECORD >> 10} KiB, which no record is")
    reader = TableReader(where, RecordError)
    table = reader.parse(data)
    run = table.get("run")
    return LineageRecord(
        reader.text(table, "relation"),
        _digest(reader, table, "model"),
        tuple(_parent(reader, each) for each in reader.tables(table, "parent")),
        reader.text(table, "why"),
        (*reader.texts(table, "frozen"), *(reader.texts(run, "frozen") if isinstance(run, dict) else ())),
        _run(reader, run) if run is not None else None,
        table.get("inferred") is True,
        table.get("moved") is True,
    )


def _digest(reader: TableReader, table: Mapping[str, Any], key: str) -> str:
    value = reader.text(table, key)
    if value and not _DIGEST.fullmatch(value):
        raise reader.wrong(key, f"the digest of a model: {ALGORITHM} and 64 hexadecimal digits")
    return value


def _parent(reader: TableReader, table: Mapping[str, Any]) -> RecordedParent:
    found = RecordedParent(
        reader.text(table, "path"),
        reader.text(table, "uri"),
        _digest(reader, table, "model"),
        reader.text(table, "relation"),
    )
    if bool(found.path) == bool(found.uri):
        raise reader.wrong("a parent", "given by its path or by its uri")
    if found.path and not is_plain_path(found.path):
        raise reader.wrong(f"the path {found.path!r} of a parent", "that of a file in the repository")
    return found


def _run(reader: TableReader, table: object) -> RecordedRun:
    if not isinstance(table, dict):
        raise reader.wrong("run", "a table")
    command, outputs = reader.texts(table, "command"), reader.texts(table, "outputs")
    inputs = reader.text_map(table, "inputs")
    folder = reader.text(table, "folder")
    for path in (*inputs, *outputs, *([folder] if folder else [])):
        if not is_plain_path(path):
            raise reader.wrong(f"the path {path!r} of a run", "that of a file in the repository")
    if not command:
        raise reader.wrong("command", "a list of words")
    seed = table.get("seed")
    if seed is not None and type(seed) is not int:
        raise reader.wrong("seed", "a whole number")
    seconds = table.get("seconds")
    if seconds is not None and (type(seconds) not in (int, float) or not 0 <= seconds < _MAX_SECONDS):
        raise reader.wrong("seconds", "a number of seconds")
    environment = reader.text_map(table, "environment")
    return RecordedRun(command, inputs, outputs, environment, seed, folder, seconds)
