"""Names of models on the Hub."""

from __future__ import annotations

import pytest

from git_theta.lineage.exports.hub_names import HubName, hub_name


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("hf:org/name@v1", HubName("org/name", "v1")),
        ("hf:gpt2", HubName("gpt2")),
        ("hf:", None),
        ("hf:@v1", None),
        ("elsewhere:x", None),
        ("base/model.pt", None),
    ],
)
def test_hub_names(uri: str, name: HubName | None) -> None:
    assert hub_name(uri) == name


def test_pages() -> None:
    assert HubName("org/name", "a b").url == "https://huggingface.co/org/name/tree/a%20b"
    assert HubName("org/name").url == "https://huggingface.co/org/name"
