"""Archives: files with compressed members, compared with earlier versions by what the members stand for.

An array that changed a little has another deflate stream from the first change on. So both versions are
expanded, the new one is stored as a patch of the old one, and compressed again when it's needed.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from git_theta.codecs.deflate.reference import is_zlib, raw_compressor
from git_theta.encoding.choice import EncodingChoice
from git_theta.errors import CorruptError, FormatError
from git_theta.formats.deflate_streams import DeflateStream, find_streams, may_have_streams
from git_theta.model.manifest import Source
from git_theta.model.strided import scratch_memory, temporary_file
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Base, Payload
from git_theta.updates.deflated import Deflated, deflate
from git_theta.updates.inflated import Inflated, inflate
from git_theta.updates.packed_members import MAX_MEMBERS, PackedMember, members_payload, places
from git_theta.updates.patch import Patch
from git_theta.updates.whole_value import whole_value

#: Levels of zlib in the order in which programs use them.
_LEVELS = (6, 9, 1, 5, 3, 4, 7, 8, 2)

#: Plain bytes by which a level is tried first.
_TRIED = 1 << 20


def expanded_choice(
    value: memoryview, spec: TensorSpec, base: Base, source: Source
) -> tuple[float, EncodingChoice] | None:
    """The choice that compares two archives by what their members stand for, with its expected cost.

    `None` if it's no use: for other files, without changed members, or where these can't be compressed again
    to the same bytes.

    Args:
        value: Bytes of the new version.
        spec: Their type.
        base: The earlier version.
        source: How the latter is obtained.

    Raises:
        CorruptError: The earlier version is damaged.
    """
    if not may_have_streams(value) or any(part.update == Deflated.name for part in _tree(source)):
        return None
    before = whole_value(base.read, base.spec.nbytes)
    try:
        pairs = [(new, old, _level(value, new)) for new, old in _changed(value, before)]
        mine = _spans([(new, level) for new, _, level in pairs if level])
        theirs = _spans([(old, 1) for _, old, level in pairs if level])
        if not mine or len(mine) > MAX_MEMBERS:
            return None
        plain, old_plain = _expanded(value, mine), _expanded(before, theirs)
        if not _comes_back(value, mine, plain):
            return None
    except (FormatError, CorruptError):
        # It only looks like an archive, or one is damaged.
        return None
    plain_spec, old_spec = TensorSpec("U8", (len(plain),)), TensorSpec("U8", (len(old_plain),))
    prepared = Patch().prepare(plain, plain_spec, Base(old_spec, lambda _nbytes: iter((old_plain,))))
    lower = members_payload(Inflated.name, old_spec, len(before), theirs)
    upper = members_payload(Deflated.name, spec, len(plain), mine)
    expanded = EncodingChoice(Inflated.name, partial(_once, lower), (source,))
    patched = EncodingChoice(Patch.name, prepared.payload, (expanded,))
    cost = (prepared.cost * len(plain) + len(lower) + len(upper)) / len(value)
    return cost, EncodingChoice(Deflated.name, partial(_once, upper), (patched,))


def _tree(source: Source) -> Iterator[Source]:
    yield source
    for part in source.inputs:
        yield from _tree(part)


def _changed(value: memoryview, before: memoryview) -> list[tuple[DeflateStream, DeflateStream]]:
    """Streams that differ from those of the same names in another file.

    Raises:
        FormatError: One of the files has none.
    """
    named = find_streams(before)
    return [
        (stream, named[name])
        for name, stream in find_streams(value).items()
        if name in named and not _equal(_bytes_of(value, stream), _bytes_of(before, named[name]))
    ]


def _bytes_of(data: memoryview, stream: DeflateStream) -> memoryview:
    return data[stream.offset : stream.offset + stream.packed]


def _equal(one: memoryview, other: memoryview) -> bool:
    import numpy as np

    return np.array_equal(np.frombuffer(one, np.uint8), np.frombuffer(other, np.uint8))


def _level(data: memoryview, of: DeflateStream) -> int | None:
    """The level at which zlib begins a stream like this one; `None` if it does at none."""
    stream = _bytes_of(data, of)
    try:
        plain = zlib.decompressobj(-15).decompress(stream[:_TRIED], _TRIED)
    except zlib.error as error:
        raise CorruptError(f"a compressed member is damaged: {error}") from error
    for level in filter(is_zlib, _LEVELS):
        compressor = raw_compressor(level)
        begin = compressor.compress(plain)
        if len(plain) == of.plain:
            begin += compressor.flush()
        if stream[: len(begin)] == begin:
            return level
    return None


def _spans(streams: Iterable[tuple[DeflateStream, int]]) -> list[PackedMember]:
    """Streams as an update has them, in their order."""
    found, end = [], 0
    for stream, level in sorted(streams, key=lambda pair: pair[0].offset):
        found.append(PackedMember(stream.offset - end, stream.packed, stream.plain, level))
        end = stream.offset + stream.packed
    return found


def _expanded(data: memoryview, members: Sequence[PackedMember]) -> memoryview:
    """A file with expanded members.

    Raises:
        CorruptError: A stream is damaged.
    """
    size = len(data) + sum(member.plain - member.packed for member in members)
    expanded = scratch_memory(size, temporary_file)
    done = end = 0
    for packed, plain, member in places(members):
        expanded[end:plain] = data[done:packed]
        done, end = packed + member.packed, plain
        for piece in inflate(iter((data[packed:done],)), member.plain):
            expanded[end : end + len(piece)] = piece
            end += len(piece)
    expanded[end:] = data[done:]
    return expanded


def _comes_back(data: memoryview, members: Sequence[PackedMember], expanded: memoryview) -> bool:
    """Whether the members of an expanded file are compressed to their streams."""
    for packed, plain, member in places(members):
        end = packed + member.packed
        for piece in deflate(iter((expanded[plain : plain + member.plain],)), member.plain, member.level):
            if data[packed : packed + len(piece)] != piece or packed + len(piece) > end:
                return False
            packed += len(piece)
        if packed != end:
            return False
    return True


def _once(payload: bytes) -> Payload:
    yield payload
