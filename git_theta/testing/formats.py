"""The contract check for formats."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from git_theta.errors import FormatError
from git_theta.formats.base import Format, HasScalars
from git_theta.formats.split import split

#: Bytes that are no checkpoint, but begin as files of several formats do.
_JUNK = (b"", b"\0", b"PK\x03\x04", b"\x80\x02.", b"{}", bytes(64), b"\xff" * 4096)

#: At most this many places of a sample are truncated and altered.
_PLACES = 200


def check_format(plugin: Format, samples: Iterable[bytes]) -> None:
    """Check a format on valid files, and on damaged ones that are made of them.

    * `matches` recognises each sample, and raises nothing, whatever the bytes.
    * `locate` gives the same answer each time, and every tensor lies inside the file.
    * `scalars`, if the format has it, gives each name once, and names and texts are strings.
    * A truncated or altered sample gives an answer or a FormatError, and no other exception.

    Args:
        plugin: The format.
        samples: Valid files, the smaller the better: each is altered in up to 400 ways.

    Raises:
        AssertionError: The message names the broken rule.
    """
    assert plugin.name, "a format has a name"
    for junk in _JUNK:
        _read(plugin, junk)
    for sample in samples:
        _check_sample(plugin, sample)
        for damaged in _damaged(sample):
            _read(plugin, damaged)


def _check_sample(plugin: Format, sample: bytes) -> None:
    data = memoryview(sample)
    assert plugin.matches(data), f"{plugin.name} doesn't recognise a sample of {len(sample)} bytes"
    assert plugin.locate(data) == plugin.locate(data), f"{plugin.name} gives two answers for one file"
    with ThreadPoolExecutor(1) as pool:
        parts = split(data, [plugin], pool)
    assert parts.format == plugin.name, f"{plugin.name}: {parts.note}"
    if isinstance(plugin, HasScalars):
        pairs = list(plugin.scalars(data))
        assert pairs == list(plugin.scalars(data)), f"{plugin.name} gives two answers for one file's scalars"
        assert all(isinstance(word, str) for pair in pairs for word in pair), (
            f"{plugin.name}: a scalar's name or text isn't a string"
        )
        assert len(dict(pairs)) == len(pairs), f"{plugin.name} gives two scalars one name"


def _damaged(sample: bytes) -> Iterator[bytes]:
    """The sample cut off, and with one byte inverted, at places all over it."""
    for place in range(0, len(sample), max(1, len(sample) // _PLACES)):
        yield sample[:place]
        altered = bytearray(sample)
        altered[place] ^= 0xFF
        yield bytes(altered)


def _read(plugin: Format, data: bytes) -> None:
    """Read a file as git-theta does: a FormatError is an answer, any other exception isn't."""
    view = memoryview(data)
    try:
        if plugin.matches(view):
            plugin.locate(view)
            if isinstance(plugin, HasScalars):
                list(plugin.scalars(view))
    except FormatError as error:
        assert error.message, f"{plugin.name} fails without saying why"
    except Exception as error:
        raise AssertionError(f"{plugin.name} raises {error!r} on {data[:64]!r}…") from error
