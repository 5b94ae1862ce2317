"""zstd for byte planes: contexts that threads keep, and frames that can't make a reader allocate at will."""

from __future__ import annotations

from threading import local
from typing import TYPE_CHECKING

from git_theta.errors import CorruptError

if TYPE_CHECKING:
    import zstandard

#: A plane is worth compressing if this many bytes from its middle shrink below this share.
_SAMPLE = 8192
_WORTH = 0.97

#: The bits of a frame's descriptor, which follows the magic number, that say that its size is given.
_SIZED = 0xE0

_MAGIC_BYTES = 4

#: A longer window than this is never needed for a plane, and never accepted.
_MAX_WINDOW = 8 << 20


def compress(plane: memoryview, *, literals: bool, magic: bool) -> bytes | None:
    """A plane's bytes as a frame, or `None` if they hardly shrink.

    Args:
        plane: The bytes.
        literals: Whether they're skewed and hardly repeat, as those of floats are. The compressor then finds
            few matches, and reaches the order-0 entropy fast.
        magic: Whether the frame begins with zstd's magic number.
    """
    compressor = _compressor(literals, magic)
    if not _worth(compressor, plane):
        return None
    coded = compressor.compress(plane)
    return coded if len(coded) < len(plane) else None


def decompress(frame: memoryview, size: int, *, magic: bool) -> bytes:
    """The bytes of a plane.

    Args:
        frame: As `compress` made it.
        size: How many bytes they must be.
        magic: As for `compress`.

    Raises:
        CorruptError: The frame is damaged, of another size, or claims a size itself.
    """
    import zstandard

    head = frame[: _MAGIC_BYTES * magic + 1]
    if len(head) <= _MAGIC_BYTES * magic or head[-1] & _SIZED:
        # The library would allocate whatever a frame claims to hold.
        raise CorruptError("the payload can't be decompressed: a frame claims a size of its own")
    try:
        plane = _decompressor(magic).decompress(frame, max_output_size=size)
    except (zstandard.ZstdError, MemoryError) as error:
        raise CorruptError(f"the payload can't be decompressed: {error}") from error
    if len(plane) != size:
        raise CorruptError("the payload decompresses to a wrong size")
    return plane


class _Own(local):
    """A thread's compressors and decompressors, which take longer to make than to code a small plane."""

    def __init__(self) -> None:
        self.compressors: dict[tuple[bool, bool], zstandard.ZstdCompressor] = {}
        self.decompressors: dict[bool, zstandard.ZstdDecompressor] = {}


_own = _Own()


def _compressor(literals: bool, magic: bool) -> zstandard.ZstdCompressor:
    kept = _own.compressors
    if (literals, magic) not in kept:
        import zstandard

        options: dict[str, int] = {"write_content_size": False, "format": _format(magic)}
        if literals:
            options |= {"strategy": zstandard.STRATEGY_FAST, "window_log": 17, "chain_log": 6, "hash_log": 6}
            options |= {"search_log": 1, "min_match": 7}
            parameters = zstandard.ZstdCompressionParameters(**options)
        else:
            parameters = zstandard.ZstdCompressionParameters.from_level(3, **options)
        kept[literals, magic] = zstandard.ZstdCompressor(compression_params=parameters)
    return kept[literals, magic]


def _decompressor(magic: bool) -> zstandard.ZstdDecompressor:
    kept = _own.decompressors
    if magic not in kept:
        import zstandard

        kept[magic] = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW, format=_format(magic))
    return kept[magic]


def _format(magic: bool) -> int:
    import zstandard

    return zstandard.FORMAT_ZSTD1 if magic else zstandard.FORMAT_ZSTD1_MAGICLESS


def _worth(compressor: zstandard.ZstdCompressor, plane: memoryview) -> bool:
    if len(plane) <= 4 * _SAMPLE:
        return True
    middle = (len(plane) - _SAMPLE) // 2
    pieces = (plane[:_SAMPLE], plane[middle : middle + _SAMPLE], plane[-_SAMPLE:])
    return any(len(compressor.compress(piece)) < _WORTH * _SAMPLE for piece in pieces)
