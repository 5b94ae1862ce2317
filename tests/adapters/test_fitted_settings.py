"""Settings that fit factors of other ranks and scales."""

from __future__ import annotations

import math
from typing import Any

import pytest

from git_theta.adapters.fitted_settings import ModuleFit, fitted_settings, with_targets
from git_theta.adapters.lora_settings import lora_settings
from git_theta.errors import UsageError

CONFIG: dict[str, Any] = {"r": 4, "lora_alpha": 8, "peft_type": "LORA", "bias": "none"}


def test_settings_that_fit_stay() -> None:
    config = {**CONFIG, "rank_pattern": {"q": 2}}
    assert fitted_settings(config, {"l.q": ModuleFit(2, 4.0), "l.k": ModuleFit(4)}) == config


@pytest.mark.parametrize(("rslora", "alpha"), [(False, 16), (True, 8 * math.sqrt(2))])
def test_another_rank_of_all_modules_keeps_the_scale(rslora: bool, alpha: float) -> None:
    config = {**CONFIG, "use_rslora": rslora}
    found = fitted_settings(config, {"l.q": ModuleFit(8), "l.k": ModuleFit(8)})
    assert found == {**config, "r": 8, "lora_alpha": pytest.approx(alpha)}


MODULES = [
    {"l.q": ModuleFit(8), "l.k": ModuleFit(8), "l.v": ModuleFit(4, 2.0)},
    {"l.q": ModuleFit(8), "l.k": ModuleFit(4, 2.0), "l.v": ModuleFit(4, 3.0)},
    {"1.q": ModuleFit(8), "11.q": ModuleFit(4), "x.1.q": ModuleFit(2, 0.5)},
    {"a.b": ModuleFit(8), "axb": ModuleFit(4), "c": ModuleFit(2)},
]


@pytest.mark.parametrize("modules", MODULES)
@pytest.mark.parametrize("rslora", [False, True])
def test_modules_get_patterns_where_they_differ(modules: dict[str, ModuleFit], rslora: bool) -> None:
    found = fitted_settings({**CONFIG, "use_rslora": rslora, "rank_pattern": {"z": 1}}, modules)
    settings = lora_settings(found)
    for name, fit in modules.items():
        scale = settings.scale(name, fit.rank)
        assert scale == pytest.approx(fit.scale) if fit.scale is not None else scale > 0
    assert found["bias"] == "none"


@pytest.mark.parametrize(
    ("targets", "added", "expected"),
    [
        (["q"], ["m.l.1.k", "m.l.2.k", "m.l.1.q"], ["q", "k"]),
        (["q"], ["m.l.1.gate"], ["q", "m.l.1.gate"]),
        ("l\\.\\d\\.q", ["l.1.k"], "(?:l\\.\\d\\.q)|(?:l\\.1\\.k)"),
        ("l\\.\\d\\.(q|k)", ["l.1.k"], "l\\.\\d\\.(q|k)"),
        ("(l.*)*q", ["l.1.k"], "(?:(l.*)*q)|(?:l\\.1\\.k)"),
        ("all-linear", ["l.1.k"], "all-linear"),
        (None, ["l.1.k"], None),
        (["q"], [], ["q"]),
    ],
)
def test_modules_that_other_settings_adapt(targets: Any, added: list[str], expected: Any) -> None:
    found = with_targets({**CONFIG, "target_modules": targets}, added, [{"target_modules": ["v", "k"]}, {}])
    assert found == {**CONFIG, "target_modules": expected}


def test_modules_that_cannot_be_added() -> None:
    config = {**CONFIG, "target_modules": ["q"], "layers_to_transform": [1]}
    with pytest.raises(UsageError, match=r"layers_to_transform, to which l\.1\.k can't"):
        with_targets(config, ["l.1.k"], [])


def test_an_alpha_of_zero_has_no_product() -> None:
    with pytest.raises(UsageError, match="no adapter_config"):
        fitted_settings({**CONFIG, "lora_alpha": 0}, {"l.q": ModuleFit(8)})
