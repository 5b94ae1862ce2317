"""Every built-in strategy keeps the contract."""

from __future__ import annotations

import importlib.util

import pytest

from git_theta import strategies, testing
from git_theta.model.tensor import TensorSpec
from git_theta.strategies.groups import GroupStrategy
from git_theta.strategies.option_text import describe

#: File of settings → a group for strategies that read it, and settings that fit two such models.
GROUPS = {
    "adapter_config.json": (
        {
            "l.lora_A.weight": TensorSpec("F32", (4, 9)),
            "l.lora_B.weight": TensorSpec("F32", (7, 4)),
        },
        {},
    ),
}

BUILT_IN = {
    name: place
    for name, place in strategies._BUILT_IN.items()
    if importlib.util.find_spec(f"git_theta.strategies.{place.partition(':')[0]}")
}


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_strategy_keeps_the_contract(name: str) -> None:
    strategy = strategies.registry().get(name)
    if isinstance(strategy, GroupStrategy):
        testing.check_group_strategy(strategy, *GROUPS[strategy.settings_file])
    else:
        testing.check_strategy(strategy)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_strategy_describes_itself_and_its_options(name: str) -> None:
    strategy = strategies.registry().get(name)
    assert strategy.name == name
    assert strategy.__doc__
    for option in describe(strategy):
        assert option.help, option.name
