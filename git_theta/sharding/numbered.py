"""Shards that are told by their names: `model-00001-of-00003.safetensors`, split GGUF files among them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from git_theta.sharding.parts import ModelParts

_NAME = re.compile(
    r"(?P<stem>.+?)(?P<gap>[-_.])(?P<number>[0-9]{1,9})(?P<of>[-_.]of[-_.])(?P<count>[0-9]{1,9})"
    r"(?P<suffix>(?:\.[A-Za-z][A-Za-z0-9_]*)*)",
    re.DOTALL,
)

#: Shards that a message names.
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class ShardNumber:
    """A shard's name, taken apart.

    Attributes:
        model: The name that the model has as one file.
        number: The shard's number.
        count: The number of shards, as all of their names tell it.
        pattern: The name with `*` for the number: equal for the shards of one model.
    """

    model: str
    number: int
    count: int
    pattern: str


def shard_number(name: str) -> ShardNumber | None:
    """The parts of a shard's name; `None` if it isn't numbered."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    model = match["stem"] + match["suffix"]
    end = match["of"] + match["count"] + match["suffix"]
    pattern = f"{match['stem']}{match['gap']}*{end}"
    return ShardNumber(model, int(match["number"]), int(match["count"]), pattern)


def model_name(path: str) -> str:
    """The path that the model of a file has as one file: that of a shard without its number."""
    folder, slash, name = path.rpartition("/")
    found = shard_number(name)
    return f"{folder}{slash}{found.model}" if found and found.count > 1 else path


def numbered_models(names: Iterable[str], taken: Iterable[str]) -> Iterator[ModelParts]:
    """The models whose shards are numbered.

    A shard of which there's only one isn't told from a file that stands alone.

    Args:
        names: Names of checkpoints of one folder that no index lists.
        taken: Names of other models of the folder; one that has shards of the same name keeps it.
    """
    sets: dict[str, dict[str, ShardNumber]] = {}
    for name in names:
        found = shard_number(name)
        if found and found.count > 1:
            sets.setdefault(found.pattern, {})[name] = found
    used = set(taken)
    for pattern, shards in sorted(sets.items()):
        model = next(iter(shards.values())).model
        name = pattern if model in used else model
        used.add(name)
        files = sorted(shards, key=lambda file: (shards[file].number, file))
        yield ModelParts(name, tuple(files), problem=_problem(pattern, shards))


def _problem(pattern: str, shards: dict[str, ShardNumber]) -> str:
    """The reason why numbered shards aren't whole; empty if they are.

    Numbers begin at 1, or at 0; and then the last one may be that of the count, too.
    """
    count = next(iter(shards.values())).count
    numbers = [shard.number for shard in shards.values()]
    there = set(numbers)
    if len(there) < len(numbers):
        return f"{pattern}: two shards have one number"
    first = 0 if 0 in there else 1
    missing = [number for number in range(first, count + (first == 1)) if number not in there]
    if missing:
        listed = ", ".join(map(str, missing[:_SHOWN])) + (", …" if len(missing) > _SHOWN else "")
        return f"{pattern}: shard {listed} of {count} isn't there"
    if max(there) > count:
        return f"{pattern}: there's a shard {max(there)} of {count}"
    return ""
