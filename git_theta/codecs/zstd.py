"""zstd for byte planes: a context for each thread, and frames that can't make a reader allocate at will."""

from __future__ import annotations

from threading import local
from typing import TYPE_CHECKING

from git_theta.errors import CorruptError

if TYPE_CHECKING:
    import zstandard

#: A plane is compressed if a sample of this many bytes shrinks below this share.
_SAMPLE = 8192
_MAX_SHARE = 0.97

#: Bits of a frame's descriptor, which follows the magic number, for a frame that gives its content's size.
_SIZED = 0xE0

_MAGIC_BYTES = 4

#: Longest window in bytes that is accepted: planes need none that is longer.
_MAX_WINDOW = 8 << 20

#: The same for bytes that are compressed with a dictionary.
_MAX_PATCH_WINDOW = 32 << 20

#: Levels with a dictionary, for bytes that shrink below a share by themselves, as text does, and for others.
_THOROUGH, _FAST = 9, 1
_TEXT_SHARE = 0.7


def compress(plane: memoryview, *, literals: bool, magic: bool) -> bytes | None:
    """A plane's bytes as a frame, or `None` if they hardly shrink.

    Args:
        plane: The bytes.
        literals: Whether the bytes are skewed and hardly repeat, as those of floats. The compressor then
            searches for few matches, and reaches the order-0 entropy fast.
        magic: Whether the frame begins with zstd's magic number.
    """
    compressor = _compressor(literals, magic)
    if not _shrinks(compressor, plane):
        return None
    coded = compressor.compress(plane)
    return coded if len(coded) < len(plane) else None


def decompress(frame: memoryview, size: int, *, magic: bool) -> bytes:
    """The bytes of a plane.

    Args:
        frame: A frame that `compress` made.
        size: Bytes of the plane.
        magic: Whether the frame begins with zstd's magic number.

    Raises:
        CorruptError: The frame is damaged, gives another size, or has a field for its size.
    """
    return _decompressed(_decompressor(magic), frame, size, magic=magic)


def _decompressed(
    decompressor: zstandard.ZstdDecompressor, frame: memoryview, size: int, *, magic: bool
) -> bytes:
    import zstandard

    head = frame[: _MAGIC_BYTES * magic + 1]
    if len(head) <= _MAGIC_BYTES * magic or head[-1] & _SIZED:
        # The library would allocate whatever a frame claims to hold.
        raise CorruptError("the payload can't be decompressed: a frame must not have a size of its own")
    try:
        plane = decompressor.decompress(frame, max_output_size=size)
    except (zstandard.ZstdError, MemoryError) as error:
        raise CorruptError(f"the payload can't be decompressed: {error}") from error
    if len(plane) != size:
        raise CorruptError("the payload decompresses to a wrong size")
    return plane


def compress_after(data: memoryview, dictionary: bytes) -> bytes | None:
    """Bytes as a frame, given others that they may repeat; `None` if they hardly shrink.

    Args:
        data: The bytes.
        dictionary: The other bytes.
    """
    import zstandard

    level = _THOROUGH if len(data) < _SAMPLE or _is_text(data) else _FAST
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level,
        source_size=len(data),
        dict_size=len(dictionary),
        window_log=max(10, (len(data) + len(dictionary)).bit_length()),
        write_content_size=False,
        format=_format(False),
    )
    compressor = zstandard.ZstdCompressor(compression_params=parameters, dict_data=_content(dictionary))
    coded = compressor.compress(data)
    return coded if len(coded) < len(data) else None


def decompress_after(frame: memoryview, dictionary: bytes, size: int) -> bytes:
    """The bytes of a frame that `compress_after` made.

    Args:
        frame: The frame.
        dictionary: The same bytes as before.
        size: Bytes of the content.

    Raises:
        CorruptError: As for `decompress`.
    """
    import zstandard

    decompressor = zstandard.ZstdDecompressor(
        dict_data=_content(dictionary), max_window_size=_MAX_PATCH_WINDOW, format=_format(False)
    )
    return _decompressed(decompressor, frame, size, magic=False)


def _is_text(data: memoryview) -> bool:
    """Whether bytes from the middle shrink well."""
    start = max(0, (len(data) - _SAMPLE) // 2)
    sample = data[start : start + _SAMPLE]
    return len(_compressor(False, False).compress(sample)) < _TEXT_SHARE * len(sample)


def _content(dictionary: bytes) -> zstandard.ZstdCompressionDict:
    import zstandard

    return zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


class _Contexts(local):
    """A thread's compressors and decompressors: making one takes longer than coding a small plane."""

    def __init__(self) -> None:
        self.compressors: dict[tuple[bool, bool], zstandard.ZstdCompressor] = {}
        self.decompressors: dict[bool, zstandard.ZstdDecompressor] = {}


_contexts = _Contexts()


def _compressor(literals: bool, magic: bool) -> zstandard.ZstdCompressor:
    kept = _contexts.compressors
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
    kept = _contexts.decompressors
    if magic not in kept:
        import zstandard

        kept[magic] = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW, format=_format(magic))
    return kept[magic]


def _format(magic: bool) -> int:
    import zstandard

    return zstandard.FORMAT_ZSTD1 if magic else zstandard.FORMAT_ZSTD1_MAGICLESS


def _shrinks(compressor: zstandard.ZstdCompressor, plane: memoryview) -> bool:
    """Whether a sample from the beginning, middle or end is worth compressing; small planes always are."""
    if len(plane) <= 4 * _SAMPLE:
        return True
    middle = (len(plane) - _SAMPLE) // 2
    pieces = (plane[:_SAMPLE], plane[middle : middle + _SAMPLE], plane[-_SAMPLE:])
    return any(len(compressor.compress(piece)) < _MAX_SHARE * _SAMPLE for piece in pieces)
