"""Content sketches: hashes of some short pieces of a value of bytes, such as a file of an unknown format.

Which pieces are taken depends on their bytes alone, not on their places. So a copy with longer text in front,
or with an edited line, has nearly the same ones. Where every float was changed a little, no piece is left as
it was; so there are pieces of floats' upper bytes, too, which mostly stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_theta.model.tensor import TensorSpec, is_bytes
from git_theta.sketches.sketch import MIN_SKETCHED
from git_theta.updates.patching.alignment import upper_byte
from git_theta.updates.patching.anchors import anchor_keys, find_anchors, word_hashes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Hashes = NDArray[np.uint64]

#: Hashes of each kind at most: the smallest ones of all, so that two sketches have the same ones in common.
MOST_HASHES = 64

#: Fewer equal pieces may be chance, or what all files of a program begin with.
_FEWEST = 3

#: A piece begins with this byte, which is one of 256 in floats: to look for one byte is several times as
#: quick as to hash all words.
_FIRST_BYTE = 0x37

#: Text may have any letters, or none, so pieces may begin everywhere, but only one of so many is looked at.
_TEXT_PIECES = 64

#: Text is told by some of its bytes, at such distances: few are larger than ASCII.
_TEXT_STEP, _ASCII, _MOST_OTHERS = 1 << 8, 1 << 7, 0.05

#: Bytes of a piece, and those of one of upper bytes, which is shorter, as these change now and then.
_PIECE, _UPPER_PIECE = 32, 16

#: Mean distance of the pieces of upper bytes, in such bytes.
_UPPER_SPACING = 32

#: Bytes that are looked at at a time, of the blocks whose upper bytes of floats are told apart, and of the
#: smallest ones.
_WINDOW, _BLOCK, _LEAST_BLOCK = 1 << 20, 1 << 16, 1 << 11

#: Blocks of a value that are looked at for upper bytes, at most.
_FEW_BLOCKS = 64

_UPPER_HALF = 0xFFFFFFFF_00000000
_EVERY_HASH = (1 << 64) - 1

#: Bytes of a value of which all pieces are looked at; of larger ones, those of the smaller hashes.
_EVERY_PIECE = 1 << 18


@dataclass(frozen=True, eq=False, slots=True)
class ContentSketch:
    """Hashes of pieces of a value of bytes.

    Attributes:
        nbytes: Size of the value.
        pieces: uint64, ascending: hashes of pieces of bytes.
        upper: uint64, ascending: hashes of pieces of floats' upper bytes.
    """

    nbytes: int
    pieces: Hashes
    upper: Hashes


def has_content_sketch(spec: TensorSpec) -> bool:
    """Whether values of a type are compared by their content, at whatever places it is."""
    return is_bytes(spec) and spec.nbytes >= MIN_SKETCHED


def shared_share(new: ContentSketch, stored: ContentSketch) -> tuple[float, float]:
    """The shares of a new value's pieces, and of those of its upper bytes, that a stored value has, too.

    They're from 0 to 1; 0 where too few are equal to say anything.
    """
    return (
        _shared(new.pieces, stored.pieces, min(_limit(new.nbytes), _limit(stored.nbytes))),
        _shared(new.upper, stored.upper, _EVERY_HASH),
    )


def _shared(new: Hashes, stored: Hashes, most: int) -> float:
    import numpy as np

    # The least hashes are kept, so larger ones than the last of either sketch say nothing.
    most = min(most, _last(new), _last(stored))
    comparable = new[new <= np.uint64(most)]
    shared = len(np.intersect1d(comparable, stored, assume_unique=True))
    return shared / len(comparable) if shared >= _FEWEST else 0.0


def _last(hashes: Hashes) -> int:
    return int(hashes[-1]) if len(hashes) == MOST_HASHES else _EVERY_HASH


def _limit(nbytes: int) -> int:
    """The largest hash of a piece that is looked at in a value of so many bytes."""
    most = _EVERY_HASH
    while nbytes > _EVERY_PIECE:
        nbytes //= 2
        most //= 2
    return most


class ContentTaker:
    """Takes the pieces of a value's content sketch from its bytes as they pass by.

    Args:
        nbytes: Size of the value.
    """

    def __init__(self, nbytes: int) -> None:
        import numpy as np

        self._nbytes = nbytes
        # All of a value's bytes are in one window, but for those of a piece that begins in the one before.
        self._window = np.empty(min(nbytes, _WINDOW) + _PIECE, np.uint8)
        self._filled = 0
        self._pieces = self._upper = np.empty(0, np.uint64)
        self._most = _limit(nbytes)
        self._step = _BLOCK
        self._start = 0
        while nbytes > _FEW_BLOCKS * self._step:
            self._step *= 2

    def take(self, data: memoryview) -> None:
        """Take pieces from the next bytes of the value."""
        import numpy as np

        rest = np.frombuffer(data, np.uint8)
        while len(rest):
            count = min(len(rest), len(self._window) - self._filled)
            self._window[self._filled : self._filled + count] = rest[:count]
            self._filled += count
            rest = rest[count:]
            if self._filled == len(self._window):
                self._end_window()

    def sketch(self) -> ContentSketch:
        """The sketch, once all bytes have passed."""
        self._end_window()
        return ContentSketch(self._nbytes, self._pieces, self._upper)

    def _end_window(self) -> None:
        """Take pieces from the bytes that are there, and keep the last few for the next ones."""
        window = self._window[: self._filled]
        self._pieces = _least(self._pieces, _piece_hashes(window, self._most))
        blocks = window[: len(self._window) - _PIECE]
        for start in range(-self._start % self._step, len(blocks), self._step):
            self._upper = _least(self._upper, _upper_hashes(blocks[start : start + _BLOCK]))
        self._start += len(blocks)
        kept = window[len(self._window) - _PIECE :].copy()
        self._window[: len(kept)] = kept
        self._filled = len(kept)


def with_members(archive: ContentSketch, plain: ContentSketch, kind: int) -> ContentSketch:
    """The sketch of an archive's bytes and of what its compressed members stand for.

    Args:
        archive: The sketch of the bytes.
        plain: The sketch of the members' content.
        kind: The kind of archive, a number of 32 bits: only archives of one kind have such content in common.
    """
    import numpy as np

    salt = np.uint64(kind)
    return ContentSketch(
        archive.nbytes,
        _least(archive.pieces, plain.pieces ^ salt),
        _least(archive.upper, plain.upper ^ salt),
    )


def _piece_hashes(data: Bytes, most: int) -> Hashes:
    """The hashes of the pieces of some bytes that are at most so large."""
    import numpy as np

    if len(data) < _PIECE:
        return np.empty(0, np.uint64)
    if _is_text(data):
        most //= _TEXT_PIECES
        starts = find_anchors(data, _EVERY_HASH // most, _PIECE).positions
    else:
        starts = np.flatnonzero(data[: len(data) - _PIECE + 1] == _FIRST_BYTE)
    # The upper half of a hash is of the first word alone: most pieces needn't be looked at further.
    words = np.ndarray((len(data) - 7,), "<u8", data, strides=(1,))[starts]
    upper = word_hashes(words) & np.uint64(_UPPER_HALF)
    few = upper <= np.uint64(most)
    keys, repeated = anchor_keys(data, starts[few], _PIECE)
    hashes: Hashes = (upper[few] | keys >> np.uint64(32))[~repeated]
    return hashes


def _is_text(data: Bytes) -> bool:
    import numpy as np

    return float(np.mean(data[::_TEXT_STEP] >= _ASCII)) < _MOST_OTHERS


def _upper_hashes(block: Bytes) -> Hashes:
    """The hashes of pieces of a block's upper bytes; none if it doesn't look like floats."""
    import numpy as np

    kind = None if len(block) < _LEAST_BLOCK or _is_text(block) else upper_byte(block)
    if kind is None:
        return np.empty(0, np.uint64)
    width, offset = kind
    return find_anchors(block[offset::width], _UPPER_SPACING, _UPPER_PIECE).keys


def _least(known: Hashes, new: Hashes) -> Hashes:
    """The smallest of both, each once."""
    import numpy as np

    if len(known) == MOST_HASHES:
        new = new[new < known[-1]]
    return np.unique(np.concatenate([known, new]))[:MOST_HASHES] if len(new) else known
