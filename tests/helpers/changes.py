"""Changes of a checkpoint to be reported, and the rows of the page that reports them."""

from __future__ import annotations

import re
from dataclasses import replace

from git_theta.model.manifest import Manifest
from git_theta.report.change import CheckpointChange, file_change
from git_theta.report.distance import Distance
from git_theta.report.side import Side
from tests.helpers.manifests import B, entry, manifest

#: A name of a parameter that would run a script, or reorder the text, in a page that doesn't escape it.
HOSTILE = "</script><img src=x onerror=alert(1)>\"'{{ 7 * 7 }}\x00\u202e"


def compared(old: Manifest | None, new: Manifest | None, stored: bool = True) -> CheckpointChange:
    """The change of `m.pt` between two manifests, without values; every object has 100 bytes."""
    sides = (Side("m.pt", made, None, "100644" if made else "", stored=stored) for made in (old, new))
    return file_change(*sides, lambda _oid: 100, lambda _ref: 8)


def tuned(count: int, *, figures: bool = True) -> CheckpointChange:
    """Layers, each of which changed more than the one before."""
    names = [f"encoder.layer.{i}.{part}.weight" for i in range(count) for part in ("key", "value")]
    old = manifest(*(entry(name) for name in names), entry("head.bias"))
    made = compared(old, manifest(*(entry(name, B) for name in names), entry("head.bias")))
    if not figures:
        return made
    measured = {
        name: Distance(6, 3, (index + 1) ** 2 / count**2, 4.0, 4.0, 3.9, 0.5)
        for index, name in enumerate(names)
    }
    return replace(made, measured=dict(measured))


def rows(text: str) -> list[str]:
    """Names in the table of parameters, in their order."""
    return [
        name.replace("<wbr>", "")
        for name in re.findall(r"<th scope=row class=name[^>]*>(.*?)</th>", text.split('class="rows"')[-1])
    ]
