"""Merges for mergekit in YAML: what is read, and what is refused."""

from __future__ import annotations

import sys

import pytest

from git_theta.combine.mergekit.methods import METHODS
from git_theta.combine.mergekit.read import read_config
from git_theta.combine.mergekit.settings import FilteredValue
from git_theta.errors import UsageError

TIES = """
merge_method: ties
base_model: base
models:
  - model: base
  - model: one
    parameters:
      density: [1, 0.7, 1e-1]
      weight: [{filter: mlp, value: 0.5}, {value: 1}]
  - {model: two, parameters: {weight: 0.2}}
parameters: {normalize: true, int8_mask: true, lambda: 1.5}
dtype: float32
out_dtype: bfloat16
"""


def test_models_with_filters_and_gradients() -> None:
    config = read_config(TIES.encode(), "merge.yml")
    assert config.models == ["base", "one", "two"]
    assert (config.method.strategy, config.dtype, config.is_whole) == ("ties", "BF16", True)
    (part,) = config.slices
    assert part.base == "base"
    one = part.sources[1].settings
    assert one["density"] == (FilteredValue((1.0, 0.7, 0.1)),)
    assert one["weight"] == (FilteredValue((0.5,), "mlp"), FilteredValue((1.0,)))
    assert config.settings == {"normalize": (FilteredValue((True,)),), "lambda": (FilteredValue((1.5,)),)}


def test_slices_of_layers() -> None:
    text = """
merge_method: passthrough
slices:
  - sources: [{model: a, layer_range: [0, 24]}]
  - sources: [{model: HEAD:b, layer_range: [8, 32], parameters: {scale: 0.5}}]
"""
    config = read_config(text.encode(), "merge.yml")
    assert [(part.length, part.sources[0].layers) for part in config.slices] == [(24, (0, 24)), (24, (8, 32))]
    assert config.models == ["a", "HEAD:b"]
    assert not config.is_whole


def test_the_base_is_a_model_if_the_list_does_not_have_it() -> None:
    config = read_config(b"merge_method: model_stock\nbase_model: c\nmodels: [{model: a}, {model: b}]", "x")
    assert config.models == ["a", "b", "c"]


def test_what_has_no_effect_is_said() -> None:
    text = """
merge_method: task_arithmetic
base_model: c
models: [{model: a}, {model: c, parameters: {weight: 5}}]
parameters: {weight: 1, density: 0.5}
"""
    assert read_config(text.encode(), "x").notes == (
        "density has no effect in task_arithmetic, as in mergekit",
        "parameters of the base c have no effect, as in mergekit",
    )


SOURCE = "{model: a, layer_range: [0, 1]}"
LINEAR = "merge_method: linear\nmodels: [{model: a}, {model: b}]\nparameters: "
AB = "models: [{model: a}, {model: b}]\n"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("- 1", "the file must be a map", ""),
        (f"merge_method: tis\n{AB}", "merge_method 'tis' isn't known", "did you mean 'ties'?"),
        (AB, "merge_method '' isn't known", "known: linear"),
        (f"merge_method: [1]\n{AB}", r"merge_method \[1\] isn't known", ""),
        (f"merge_method: linear\nmodel: x\n{AB}", "unknown key 'model'", "did you mean 'models'?"),
        ("merge_method: linear\n", "either models or slices", ""),
        (f"merge_method: linear\nslices: []\n{AB}", "either models or slices", ""),
        ("merge_method: linear\nmodels: []", "models must be a list", ""),
        ("merge_method: linear\nmodels: [a]", "a model must be a map", ""),
        ("merge_method: linear\nmodels: [{model: {path: a}}]", "model must be the name", ""),
        (
            "merge_method: linear\nmodels: [{model: a, weight: 1}]",
            "unknown key 'weight'",
            "model, parameters",
        ),
        (f"merge_method: linear\n{AB}", "linear needs the parameter weight", ""),
        (
            f"{LINEAR}{{wieght: 1}}",
            "no parameter 'wieght'",
            "did you mean 'weight'?",
        ),
        (f"{LINEAR}{{weight: 1, t: 1}}", "no parameter 't'", "leave it out"),
        (f"{LINEAR}{{weight: .nan}}", "nan isn't a number", ""),
        (f"{LINEAR}{{weight: true}}", "True isn't a number", ""),
        (f"{LINEAR}{{weight: []}}", "weight is an empty list", ""),
        (f"{LINEAR}{{weight: }}", "None isn't a number", ""),
        (f"{LINEAR}{{weight: 1, normalize: 2}}", "2 isn't true or false", ""),
        (
            f"{LINEAR}{{weight: [{{value: 1, fliter: a}}]}}",
            "'fliter'",
            "'filter'",
        ),
        (f"{LINEAR}{{weight: [{{value: 1, filter: 2}}]}}", "the filter 2", ""),
        (
            f"{LINEAR}{{weight: [{{value: [[1]]}}]}}",
            r"\[1\] isn't a number",
            "",
        ),
        (f"merge_method: karcher\n{AB}parameters: {{max_iter: 1.5}}", "1.5 isn't a whole number", ""),
        (f"merge_method: slerp\n{AB}parameters: {{t: 1}}", "slerp needs a base_model", ""),
        (f"merge_method: slerp\nbase_model: c\n{AB}parameters: {{t: 1}}", "exactly 2 of the models, and", ""),
        (f"merge_method: model_stock\nbase_model: b\n{AB}", "at least 2 of the models beside the base", ""),
        (f"merge_method: passthrough\n{AB}", "exactly 1", ""),
        ("merge_method: karcher\nmodels: [{model: a}, {model: a}]", "a is named twice", ""),
        (
            "merge_method: slerp\nbase_model: a\nmodels: [{model: a, parameters: {t: 1}}, {model: b}]",
            "t of slerp isn't a parameter of one model",
            "parameters of the merge",
        ),
        (f"merge_method: karcher\n{AB}dtype: int8", "'int8' isn't a dtype of floats", ""),
        (f"merge_method: karcher\n{AB}dtype: 16", "dtype 16 isn't the name", ""),
        (
            f"merge_method: karcher\n{AB}tokenizer_source: union",
            "tokenizer_source isn't supported",
            "only weights",
        ),
        (f"merge_method: karcher\n{AB}chat_template: auto", "chat_template isn't supported", "only weights"),
        ("merge_method: karcher\nmodules: {}", "modules isn't supported", "one module after the other"),
        ("merge_method: karcher\nslices: [{sources: [{model: a}]}]", "layer_range of a, None", "[FIRST"),
        (
            "merge_method: karcher\nslices: [{sources: [{model: a, layer_range: [2, 1]}]}]",
            r"layer_range of a, \[2, 1\], isn't two layers",
            "",
        ),
        (
            f"merge_method: karcher\nslices: [{{sources: [{SOURCE}, {{model: b, layer_range: [0, 2]}}]}}]",
            "different numbers of layers",
            "",
        ),
        (
            "merge_method: ram\nbase_model: c\nslices: [{sources: [{model: a, layer_range: [0, 1]}]}]",
            "base_model c isn't among the sources",
            "",
        ),
        (
            "merge_method: ram\nslices: [{sources: [{model: a, layer_range: [0, 1]}], residual_weight: 1}]",
            "residual_weight isn't supported",
            "",
        ),
        ("merge_method: {a: 1\n", "merge.yml isn't YAML: line 2:", ""),
    ],
)
def test_errors_say_what_is_wrong(text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        read_config(text.encode(), "merge.yml")
    assert caught.value.message.startswith("merge.yml")
    assert hint in caught.value.hint


def test_without_the_library_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(UsageError, match="YAML needs PyYAML") as caught:
        read_config(TIES.encode(), "merge.yml")
    assert "git-theta[yaml]" in caught.value.hint


@pytest.mark.parametrize("name", METHODS)
def test_each_method_can_be_read(name: str) -> None:
    method = METHODS[name]
    required = {key: 0.5 for key, parameter in method.parameters.items() if parameter.required}
    models = "[{model: a}]" if method.most == 1 else "[{model: a}, {model: b}, {model: c}]"
    base = "" if method.base.value == "none" else "base_model: a\n"
    if method.most == 2 and method.base.value == "ours":
        models = "[{model: a}, {model: b}]"
    text = f"merge_method: {name}\n{base}models: {models}\nparameters: {required}\n"
    assert read_config(text.encode(), "x").method is method
