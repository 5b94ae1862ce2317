"""Ways to make a wrong input of a right one, by a random generator with a seed."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from random import Random

#: Numbers at which readers often go wrong.
_NUMBERS = (0, 1, 2, 127, 128, 255, 256, 65_535, 65_536, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 50, -1)
_DIGITS = (b"0", b"1", b"-1", b"4294967296", b"18446744073709551616", b"1e999", b"9" * 40, b"9" * 5000)

_Mutation = Callable[[bytearray, Random], None]


def mutated(data: bytes, random: Random, tokens: Sequence[bytes] = ()) -> bytes:
    """The data with one mutation, or with a few.

    Args:
        data: A right input.
        random: The generator.
        tokens: Words of the input's language, which are put in at any place.
    """
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        if tokens and random.random() < 0.2:
            _replace(changed, random, random.choice(tokens))
        else:
            random.choice(_MUTATIONS)(changed, random)
    return bytes(changed)


def _range(data: bytearray, random: Random, most: int = 64) -> slice:
    start = random.randint(0, len(data))
    return slice(start, start + random.randint(0, most))


def _replace(data: bytearray, random: Random, piece: bytes) -> None:
    data[_range(data, random, len(piece))] = piece


def _flip(data: bytearray, random: Random) -> None:
    if data:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _noise(data: bytearray, random: Random) -> None:
    _replace(data, random, random.randbytes(random.randint(1, 8)))


def _cut(data: bytearray, random: Random) -> None:
    del data[random.randint(0, len(data)) :]


def _remove(data: bytearray, random: Random) -> None:
    del data[_range(data, random)]


def _repeat(data: bytearray, random: Random) -> None:
    piece = bytes(data[_range(data, random)])
    at = random.randint(0, len(data))
    data[at:at] = piece * random.choice((1, 2, 50))


def _move(data: bytearray, random: Random) -> None:
    _replace(data, random, bytes(data[_range(data, random)]))


def _number(data: bytearray, random: Random) -> None:
    code = random.choice("bBhHiIqQ")
    size = struct.calcsize(code)
    value = random.choice(_NUMBERS) & ((1 << 8 * size) - 1)
    _replace(data, random, value.to_bytes(size, random.choice(("little", "big"))))


def _digits(data: bytearray, random: Random) -> None:
    places = [at for at, byte in enumerate(data) if 48 <= byte < 58]
    if places:
        at = random.choice(places)
        data[at : at + 1] = random.choice(_DIGITS)


_MUTATIONS: tuple[_Mutation, ...] = (_flip, _noise, _cut, _remove, _repeat, _move, _number, _digits)
