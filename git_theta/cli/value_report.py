"""The report of `git theta show --param` about the value of one parameter."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from git_theta.cli.render import print_json
from git_theta.encoding.decode import read_value
from git_theta.model.manifest import Entry
from git_theta.model.sizes import entry_bytes
from git_theta.model.tensor import BLOCKS, FLOATS
from git_theta.report.abridged import abridged
from git_theta.report.packed_elements import is_decoded
from git_theta.report.quantiles import Histogram
from git_theta.report.statistics import Statistics, statistics
from git_theta.report.text import human_size, printable, shape_text
from git_theta.runtime.output import say
from git_theta.store.local import LocalStore

#: The width of the longest bar, in characters.
_BAR = 40
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def report(entry: Entry, store: LocalStore, *, values: bool, as_json: bool) -> None:
    """Print statistics of a parameter, or its values.

    Raises:
        CorruptError: The value doesn't match its digest.
        MissingObjectError: An object that the value needs isn't in the store.
    """
    packed = entry.spec.is_packed and not is_decoded(entry.spec.dtype)
    if as_json:
        measured = None if packed else statistics(read_value(entry, store), entry.spec)
        found = _as_json(entry, store, measured)
        print_json({**found, "values": _values(entry, store)} if values else found)
        return
    if packed and not values:
        elements, size = BLOCKS[entry.spec.dtype]
        lines = ["", f"packed, {elements} elements in {size} bytes: no statistics"]
    elif not values:
        lines = [*_lines(entry, statistics(read_value(entry, store), entry.spec))]
    else:
        lines = _values(entry, store).splitlines()
    say(
        f"{printable(entry.name)}: {entry.spec.dtype} {shape_text(entry.spec)}, "
        f"{human_size(entry.spec.nbytes)}, stored {human_size(entry_bytes(entry, store.size))}"
    )
    for line in lines:
        say(line)


def _values(entry: Entry, store: LocalStore) -> str:
    """Values as numpy writes them."""
    import numpy as np

    # Of packed values, numpy writes the bytes.
    array, cut = abridged(read_value(entry, store), entry.spec.as_bytes)
    if array.dtype.names:
        # numpy has no complex numbers of two float16.
        array = array["real"].astype(np.complex64) + 1j * array["imag"].astype(np.complex64)
    elif entry.spec.dtype in FLOATS and entry.spec.dtype not in ("F16", "F32", "F64"):
        array = array.astype(np.float32)
    # The remaining elements of a cut array must still be printed in numpy's short form.
    return np.array2string(array, threshold=0 if cut else array.size, max_line_width=100)


def _lines(entry: Entry, found: Statistics) -> Iterator[str]:
    unit = "magnitudes" if entry.spec.dtype.startswith("C") else "elements"
    rows = [(unit, f"{found.count:,}"), ("zero", _share(found.zeros, found.count))]
    if found.nans:
        rows.append(("NaN", _share(found.nans, found.count)))
    for sign, count in zip("+-", found.infinities, strict=True):
        if count:
            rows.append((f"{sign}Inf", _share(count, found.count)))
    if found.histogram:
        rows += [
            ("mean", _number(found.mean)),
            ("std", _number(found.std)),
            ("min", _number(found.low)),
            *((f"{share:.1%}".replace(".0%", "%"), _number(q)) for share, q in found.quantiles.items()),
            ("max", _number(found.high)),
            ("L1 norm", _number(found.l1)),
            ("L2 norm", _number(found.l2)),
        ]
    yield ""
    yield from (f"{name:>10}  {text}" for name, text in rows)
    if not found.histogram:
        return
    yield ""
    yield from _bars(found.histogram)
    if not found.exact:
        yield ""
        yield "quantiles to 0.4 % of their own size, counts of the histogram accordingly"


def _bars(histogram: Histogram) -> Iterator[str]:
    """A line for each bin: its lower edge, a bar, and the count."""
    edges = [f"{edge:.4g}" for edge in histogram.edges[:-1]]
    if all(high - low == 1 for low, high in zip(histogram.edges, histogram.edges[1:], strict=False)):
        edges = [f"{edge + 0.5:.0f}" for edge in histogram.edges[:-1]]
    width = max(map(len, edges))
    most = max(histogram.counts)
    for edge, count in zip(edges, histogram.counts, strict=True):
        yield f"{edge:>{width}}  {_bar(count / most):<{_BAR}} {count:,}"


def _bar(share: float) -> str:
    """A bar for a share of the largest count; never empty for a positive share."""
    eighths = math.ceil(share * _BAR * 8)
    try:
        _EIGHTHS.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return "#" * math.ceil(eighths / 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _share(count: int, whole: int) -> str:
    return f"{count:,} ({count / whole:.2%})" if count else "0"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value.is_integer() and abs(value) < 1 << 53 else f"{value:.6g}"


def _as_json(entry: Entry, store: LocalStore, found: Statistics | None) -> dict[str, Any]:
    """Facts about a value, and its statistics unless it's packed."""
    fields = {
        "name": entry.name,
        "dtype": entry.spec.dtype,
        "shape": list(entry.spec.shape),
        "size": entry.spec.nbytes,
        "stored": entry_bytes(entry, store.size),
        "digest": entry.digest,
    }
    if found:
        numbers = asdict(found)
        low, high = numbers.pop("low"), numbers.pop("high")
        quantiles = {str(share): value for share, value in found.quantiles.items()}
        fields |= {**numbers, "finite": found.finite, "min": low, "max": high, "quantiles": quantiles}
    return {key: _no_infinity(value) for key, value in fields.items()}


def _no_infinity(value: Any) -> Any:
    """A value with `None` for each number that isn't finite: JSON has no such numbers."""
    if isinstance(value, dict):
        return {key: _no_infinity(part) for key, part in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
