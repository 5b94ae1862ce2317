"""Metadata of git-theta 0.2, and what isn't."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_theta import legacy
from git_theta.legacy import LegacyError
from git_theta.legacy.metadata import parse_metadata

FIXTURES = Path(__file__).parent.parent / "fixtures" / "legacy02"
BLOBS = {path.name: path.read_bytes() for path in sorted(FIXTURES.rglob("*.json"))}
SMALL = BLOBS["m.safetensors.json"]


def leaf(tensor: dict[str, Any] | None = None, lfs: dict[str, Any] | None = None, **theta: Any) -> bytes:
    """Metadata of one parameter `w`, with some fields replaced."""
    fields = {
        "tensor_metadata": {"shape": "(2, 3)", "dtype": "float32", "hash": [0], **(tensor or {})},
        "lfs_metadata": {"version": "v1", "oid": "0" * 64, "size": "12", **(lfs or {})},
        "theta_metadata": {"update_type": "dense", "last_commit": None, **theta},
    }
    return json.dumps({"w": fields}, indent=4).encode()


def test_real_files() -> None:
    for data in BLOBS.values():
        assert legacy.is_metadata(data)
        for stored in parse_metadata(data).values():
            assert (FIXTURES / "objects" / stored.oid).stat().st_size == stored.size
    assert list(parse_metadata(BLOBS["m.msgpack.json"])) == [
        ("params", "Dense_0", "bias"),
        ("params", "Dense_0", "kernel"),
        ("params", "a/b", "x"),
        ("z",),
    ]


@pytest.mark.parametrize(
    ("text", "shape"), [("()", ()), ("(3,)", (3,)), ("(0, 3)", (0, 3)), ("(1, 2, 3)", (1, 2, 3))]
)
def test_shapes(text: str, shape: tuple[int, ...]) -> None:
    assert parse_metadata(leaf({"shape": text}))["w",].spec.shape == shape


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'"lfs_metadata"',
        b'{"lfs_metadata": 1}',
        b'{"w": {"lfs_metadata": {}}}',
        b'{"a": ' * 200_000 + b'"lfs_metadata"',
        b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12\n",
        SMALL + b"x",
        SMALL[:-1],
        SMALL.replace(b"float32", b"bfloat16"),
        leaf({"shape": "(2, -3)"}),
        leaf({"shape": "(2 3)"}),
        leaf({"shape": "2, 3"}),
        leaf({"shape": f"({', '.join(['1'] * 65)})"}),
        leaf({"shape": "(9999999999, 9999999999)"}),
        leaf({"shape": [2, 3]}),
        leaf({"dtype": ["float32"]}),
        leaf({"hash": None}),
        leaf(lfs={"oid": "../" + "0" * 61}),
        leaf(lfs={"oid": "0" * 63 + "\n"}),
        leaf(lfs={"size": 12}),
        leaf(lfs={"size": "-1"}),
        leaf(lfs={"version": 1}),
        leaf(update_type=None),
        leaf(last_commit="HEAD"),
        leaf(last_commit="--help"),
        leaf().replace(b'"w"', b'""'),
        leaf().replace(b'"w"', b'"\\ud800"'),
        leaf().replace(b'"w"', b'"' + b"w" * 5000 + b'"'),
        leaf().replace(b'"w": {', b'"w": {"more": 1,'),
        leaf()[:-1] + b"," + leaf()[1:],
    ],
)
def test_anything_else(data: bytes) -> None:
    assert not legacy.is_metadata(data)
    if data != b"{}":
        with pytest.raises(LegacyError):
            parse_metadata(data)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(BLOBS)), st.data())
def test_altered_metadata_is_refused_or_read(name: str, data: st.DataObject) -> None:
    altered = bytearray(BLOBS[name])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(altered) - 1))
        altered[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    text = bytes(altered)
    try:
        found = parse_metadata(text).values()
    except LegacyError:
        assert not legacy.is_metadata(text)
    else:
        assert all(len(stored.oid) == 64 and stored.size >= 0 for stored in found)
