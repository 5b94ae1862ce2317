from __future__ import annotations

import zlib

import pytest

from git_theta.codecs.deflate.blocks import BlockWriter, Token

FIXED: list[Token] = [(0, 65), (1, 258), (1, 3)]
VARIED: list[Token] = [(0, n % 7) for n in range(900)] + [(n % 30 + 1, 3 + n % 250) for n in range(300)]


def expanded(tokens: list[Token]) -> bytes:
    data = bytearray()
    for distance, value in tokens:
        if distance:
            for _ in range(value):
                data.append(data[-distance])
        else:
            data.append(value)
    return bytes(data)


@pytest.mark.parametrize("tokens", [[], FIXED, VARIED], ids=["empty", "fixed", "own code"])
def test_blocks_stand_for_their_tokens(tokens: list[Token]) -> None:
    writer = BlockWriter()
    writer.block(tokens, None, last=False)
    writer.block(tokens, None, last=True)
    stream = zlib.decompressobj(-15)
    assert stream.decompress(writer.take()) == expanded(tokens) * 2
    assert stream.eof


def test_what_does_not_shrink_is_stored() -> None:
    data = bytes(range(256)) * 4
    writer = BlockWriter()
    writer.block([(0, byte) for byte in data], data, last=True)
    assert writer.take() == b"\1" + b"\0\4" + b"\xff\xfb" + data
