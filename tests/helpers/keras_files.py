"""Keras archives as bytes: one that Keras 3.15 wrote, and others made of it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

_KEPT = Path(__file__).parent.parent / "fixtures" / "keras" / "model.keras"

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


@cache
def kept() -> bytes:
    """The archive of a model of two dense layers."""
    return _KEPT.read_bytes()


def members(archive: bytes | None = None) -> dict[str, bytes]:
    """The members of an archive, by name; of the kept one, if none is given."""
    with zipfile.ZipFile(io.BytesIO(kept() if archive is None else archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def keras_bytes(
    config: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    weights: bytes | None = None,
    method: int = zipfile.ZIP_STORED,
    more: Mapping[str, bytes] | None = None,
) -> bytes:
    """An archive like the kept one.

    Args:
        config: What its configuration has, too.
        metadata: What its metadata have, too.
        weights: Its weights.
        method: How members are compressed.
        more: Further members.
    """
    parts = members()
    parts[CONFIG] = json.dumps(json.loads(parts[CONFIG]) | dict(config or {})).encode()
    parts[METADATA] = json.dumps(json.loads(parts[METADATA]) | dict(metadata or {})).encode()
    parts[WEIGHTS] = parts[WEIGHTS] if weights is None else weights
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as opened:
        for name, content in (parts | dict(more or {})).items():
            opened.writestr(name, content)
    return held.getvalue()
