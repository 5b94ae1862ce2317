"""Configs of adapters."""

from __future__ import annotations

import json
from typing import Any

import pytest

from git_theta.errors import UsageError
from git_theta.lineage.sources.adapter_config import adapter_parents
from git_theta.lineage.sources.stated import StatedParent


@pytest.mark.parametrize(
    ("config", "parents"),
    [
        ({"base_model_name_or_path": "org/base", "revision": None}, [StatedParent("org/base", "adapter")]),
        (
            {"base_model_name_or_path": "../base", "revision": "v1"},
            [StatedParent("../base", "adapter", "v1")],
        ),
        ({"base_model_name_or_path": None}, []),
        ({"r": 8}, []),
        ([], []),
    ],
)
def test_base_models(config: Any, parents: list[StatedParent]) -> None:
    assert adapter_parents(json.dumps(config).encode()) == parents


def test_files_that_arent_json() -> None:
    for data in (b"", b"{", b"\xff", b"[" * 100_000):
        with pytest.raises(UsageError, match="isn't JSON"):
            adapter_parents(data)
