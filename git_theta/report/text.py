"""Numbers and names as people read them."""

from __future__ import annotations

from git_theta.model.name_escapes import escape
from git_theta.model.tensor import TensorSpec

_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")

#: A transfer of less than this has no meaningful rate, in seconds.
_MIN_SECONDS = 0.1


def human_size(count: int) -> str:
    """A size in decimal units, as file managers show it: `90.9 MB`."""
    size = float(count)
    for unit in _UNITS:
        if size < 999.5 or unit == _UNITS[-1]:
            return f"{count} B" if unit == "B" else f"{size:.3g} {unit}"
        size /= 1000
    raise AssertionError


def plural(count: int, thing: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count:,} {thing}" + ("" if count == 1 else "s")


def share_text(share: float) -> str:
    """A share in whole per cent, where 0% and 100% mean just that: `75%`, `>99%`."""
    if 0 < share < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= share < 1 else f"{share:.0%}"


def borrowed_text(count: int, command: str) -> str:
    """A sentence about objects that only a neighbour has, with the command that brings them."""
    verb, them = ("is", "it") if count == 1 else ("are", "them")
    return (
        f"{plural(count, 'object')} {verb} only in another repository on this machine; "
        f"to keep {them} here: {command}"
    )


def transferred(verb: str, count: int, size: int, seconds: float, place: str = "") -> str:
    """A transfer in words: `sent 12 objects, 45 MB in 3.2 s (14.1 MB/s)`, and then its place if one is given.

    Args:
        verb: The participle of the action: `sent`, `fetched`.
        count: Number of objects.
        size: Bytes of the objects.
        seconds: Duration; left out of the text if it's very short.
        place: The place, with a preposition: `to s3://bucket`.
    """
    text = f"{verb} {plural(count, 'object')}, {human_size(size)}"
    if seconds >= _MIN_SECONDS:
        text += f" in {duration(seconds)} ({human_size(round(size / seconds))}/s)"
    return f"{text}, {place}" if place else text


def duration(seconds: float) -> str:
    """`3.2 s`, `2 min 5 s` or `1 h 20 min`."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def printable(text: str) -> str:
    """Text from a file, safe for a terminal: control and invisible characters are escaped."""
    return escape(text).replace("%20", " ")


def shape_text(spec: TensorSpec) -> str:
    """`768x768`, or `scalar`."""
    return "x".join(map(str, spec.shape)) or "scalar"


def type_text(old: TensorSpec, new: TensorSpec) -> str:
    """Dtype and shape, with an arrow where one of them changed: `F32 -> BF16 768x768`."""
    dtype = old.dtype if old.dtype == new.dtype else f"{old.dtype} -> {new.dtype}"
    before, after = shape_text(old), shape_text(new)
    return f"{dtype} {before}" if before == after else f"{dtype} {before} -> {after}"
