from __future__ import annotations

import pytest

from git_theta.errors import UsageError
from git_theta.limits import Limits
from git_theta.settings import Settings, from_config, parse_size


def test_defaults() -> None:
    assert from_config({}, {}) == Settings()
    assert 1 <= Settings().thread_count <= 8


def test_settings_of_git() -> None:
    config = {
        "theta.materialisethreshold": "1m",
        "theta.threads": "3",
        "theta.hooks": "no",
        "theta.update": "dense,delta",
        "theta.maxdepth": "5",
        "theta.fetch": "lazy",
        "theta.pointers": "off",
        "theta.maxwork": "2g",
        "theta.maxmemory": "1g",
    }
    found = from_config(config, {})
    expected = Settings(
        materialise_threshold=1 << 20,
        threads=3,
        hooks=False,
        update="dense,delta",
        depth=5,
        lazy=True,
        pointers=False,
        limits=Limits(work=2 << 30, memory=1 << 30),
    )
    assert found == expected
    assert found.thread_count == 3


def test_the_environment_is_stronger() -> None:
    environment = {"GIT_THETA_THREADS": "2", "GIT_THETA_SKIP_SMUDGE": "1"}
    found = from_config({"theta.threads": "3"}, environment)
    assert (found.threads, found.lazy) == (2, True)
    assert not from_config({}, {"GIT_THETA_SKIP_SMUDGE": "0"}).lazy


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"theta.threads": "many"}, "theta.threads is 'many'"),
        ({"theta.threads": "1025"}, "theta.threads is '1025'"),
        ({"theta.threads": "²"}, "theta.threads is '²'"),
        ({"theta.threads": "9" * 5000}, "theta.threads is '9"),
        ({"theta.maxdepth": "²"}, "theta.maxDepth is '²'"),
        ({"theta.maxdepth": "0"}, "theta.maxDepth is '0'"),
        ({"theta.maxdepth": "11"}, "a number from 1 to 10"),
        ({"theta.fetch": "never"}, "theta.fetch is 'never'"),
        ({"theta.checkfinite": "yes"}, "theta.checkFinite is 'yes'"),
        ({"theta.hooks": "maybe"}, "theta.hooks is 'maybe'"),
        ({"theta.materialisethreshold": "-1"}, "theta.materialiseThreshold: '-1' isn't a size"),
    ],
)
def test_values_that_are_not_valid(config: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        from_config(config, {})


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("1000", 1000), ("2k", 2048), ("256m", 256 << 20), ("4GiB", 4 << 30), (" 1 MB ", 1 << 20)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "m", "1.5m", "-1", "1t", "1 2", "²", "٣", "9" * 5000])
def test_texts_that_are_no_sizes(text: str) -> None:
    with pytest.raises(UsageError, match="isn't a size"):
        parse_size(text)
