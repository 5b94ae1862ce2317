"""Packed members: stretches of a file that are deflate streams, such as the arrays of a compressed npz."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from git_theta.errors import CorruptError
from git_theta.model.tensor import MAX_BYTES, TensorSpec
from git_theta.updates.payload import MAX_LONG_HEADER, typed_header, unpack_typed

#: Members of a file at most.
MAX_MEMBERS = 10_000

#: Levels of zlib.
LEVELS = range(1, 10)


class PackedMember(NamedTuple):
    """A deflate stream in a file.

    Attributes:
        before: Bytes between the stream before and this one.
        packed: Bytes of the stream.
        plain: Bytes that it stands for.
        level: The level of zlib that writes the stream; 1 where it doesn't matter.
    """

    before: int
    packed: int
    plain: int
    level: int


def pack_members(members: Iterable[PackedMember]) -> list[int]:
    """Members as numbers, four for each."""
    return [number for member in members for number in member]


def members_payload(
    update: str, spec: TensorSpec, base_nbytes: int, members: Iterable[PackedMember]
) -> bytes:
    """The payload that makes one of a file's two forms of the other.

    Args:
        update: Name of the update: whether it packs the members or opens them.
        spec: Type of the form that it gives: bytes in a row.
        base_nbytes: Bytes of the other one.
        members: The members, in their order.
    """
    return typed_header(update, spec, base=base_nbytes, members=pack_members(members))


def parse_payload(
    update: str, payload: memoryview | None, nbytes: int, packed: bool
) -> tuple[int, list[PackedMember]]:
    """The bytes of the input of a payload, and the members.

    Args:
        update: Name of the update.
        payload: The payload.
        nbytes: Bytes of the value.
        packed: As for `check_room`.

    Raises:
        CorruptError: The payload can't give a value of that size.
    """
    _, header, body = unpack_typed(update, payload, nbytes, MAX_LONG_HEADER)
    base_nbytes = header.get("base")
    if type(base_nbytes) is not int or not 0 <= base_nbytes <= MAX_BYTES or len(body):
        raise CorruptError("the payload's base makes no sense")
    members = unpack_members(header.get("members"))
    check_room(members, base_nbytes, nbytes, packed)
    return base_nbytes, members


def unpack_members(numbers: object) -> list[PackedMember]:
    """Members from a payload's header.

    Raises:
        CorruptError: They make no sense.
    """
    if not isinstance(numbers, list) or len(numbers) % 4 or not all(type(n) is int for n in numbers):
        raise CorruptError("the payload's members make no sense")
    members = [PackedMember(*four) for four in zip(*(iter(numbers),) * 4, strict=True)]
    if len(members) > MAX_MEMBERS or not all(0 <= number <= MAX_BYTES for number in numbers):
        raise CorruptError("the payload's members make no sense")
    if not all(member.level in LEVELS for member in members):
        raise CorruptError("the payload has a member of an unknown level")
    return members


def places(members: Iterable[PackedMember]) -> Iterator[tuple[int, int, PackedMember]]:
    """Each member with its offset in the file as it is, and in the file of plain bytes."""
    packed = plain = 0
    for member in members:
        packed, plain = packed + member.before, plain + member.before
        yield packed, plain, member
        packed, plain = packed + member.packed, plain + member.plain


def check_room(members: Iterable[PackedMember], size: int, nbytes: int, packed: bool) -> None:
    """Check that members fit into a file, and that this has as many bytes in its other form as it should.

    Args:
        members: The members.
        size: Bytes of the input.
        nbytes: Bytes of the value.
        packed: Whether the members are streams in the input, and plain bytes in the value, or the opposite.

    Raises:
        CorruptError: They don't.
    """
    used = given = 0
    for member in members:
        used += member.before + (member.packed if packed else member.plain)
        given += member.before + (member.plain if packed else member.packed)
    if used > size or given + size - used != nbytes:
        raise CorruptError("the payload's members don't fit into the file")
