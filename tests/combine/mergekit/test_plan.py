"""Merges in mergekit's YAML carried out: the same as by rules, layer by layer, and errors before anything."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from ml_dtypes import bfloat16

from git_theta.combine.combination import Combination, CombinedValues
from git_theta.combine.files import open_file
from git_theta.combine.mergekit.plan import plan_config
from git_theta.combine.mergekit.read import read_config
from git_theta.combine.write import write_combination
from git_theta.errors import UsageError
from tests.helpers.combining import Weights, combined, loaded, model_file, no_side_files, weights
from tests.helpers.small_llama import llama_weights

LINEAR = """
merge_method: linear
models: [{model: a, parameters: {weight: 0.25}}, {model: b, parameters: {weight: 0.75}}]
"""

TIES = """
merge_method: ties
base_model: c
models: [{model: a}, {model: c}, {model: b}]
parameters: {weight: 0.5, density: 0.4}
"""

SLERP = """
merge_method: slerp
base_model: a
models: [{model: b}, {model: a}]
parameters: {t: [0, 1]}
"""

AB = "models: [{model: a}, {model: b}]\n"


def merged(folder: Path, text: str, **choices: bool) -> tuple[Weights, Combination]:
    """The result of a merge of models in a folder."""
    with ExitStack() as stack:

        def opened(name: str):
            return open_file(folder / name, name, 2, stack)

        config = read_config(text.encode(), "merge.yml")
        made = plan_config(config, opened, **choices)
        write_combination(made, CombinedValues(made, no_side_files), folder / "out", threads=2)
    return loaded(folder / "out"), made


def models(folder: Path, *values: Weights) -> list[Path]:
    return [model_file(folder, name, each, format="pt") for name, each in zip("abcd", values, strict=False)]


@pytest.mark.parametrize(
    ("text", "rule", "has_base"),
    [
        (LINEAR, "linear weights=0.25,0.75", False),
        (
            TIES,
            "ties weights=0.5,0.5 density=0.4,0.4 all-parameters=true",
            True,
        ),
        (
            SLERP,
            "slerp t=layers:0..1 all-parameters=true",
            False,
        ),
        (
            "merge_method: ram\nbase_model: c\nmodels: [{model: a}, {model: b}]",
            "ram all-parameters=true",
            True,
        ),
    ],
)
def test_a_file_is_the_same_as_the_rule(tmp_path: Path, text: str, rule: str, has_base: bool) -> None:
    paths = models(tmp_path, weights(1), weights(2), weights(3))
    merged(tmp_path, text)
    made = (tmp_path / "out").read_bytes()
    base = paths[2] if has_base else None
    assert combined(tmp_path, *paths[:2], base=base, rules=(rule,)).read_bytes() == made


def test_layers_are_numbered_anew(tmp_path: Path) -> None:
    one, two = llama_weights(1, layers=3), llama_weights(2, layers=3)
    models(tmp_path, one, two)
    text = """
merge_method: passthrough
slices:
  - sources: [{model: a, layer_range: [0, 2]}]
  - sources: [{model: b, layer_range: [1, 3]}]
  - sources:
      - {model: a, layer_range: [2, 3], parameters: {scale: [{filter: o_proj, value: 0.5}, {value: 1}]}}
"""
    found, made = merged(tmp_path, text)
    taken = [(one, 0), (one, 1), (two, 1), (two, 2), (one, 2)]
    assert len(found) == 3 + 9 * len(taken)
    for new, (model, old) in enumerate(taken):
        for part in ("self_attn.q_proj", "mlp.up_proj", "input_layernorm"):
            name = "model.layers.{}.{}.weight"
            np.testing.assert_array_equal(found[name.format(new, part)], model[name.format(old, part)])
    out = "model.layers.{}.self_attn.o_proj.weight"
    np.testing.assert_array_equal(found[out.format(4)], one[out.format(2)] / 2)
    np.testing.assert_array_equal(found["model.embed_tokens.weight"], one["model.embed_tokens.weight"])
    np.testing.assert_array_equal(found["lm_head.weight"], one["lm_head.weight"])
    assert made.notes == ("the result has 5 layers, and a has 3: change its configuration, too",)


def test_what_is_after_the_layers_is_of_the_last_slice(tmp_path: Path) -> None:
    one, two = llama_weights(1, layers=2), llama_weights(2, layers=2)
    models(tmp_path, one, two)
    text = """
merge_method: passthrough
slices:
  - sources: [{model: a, layer_range: [0, 1]}]
  - sources: [{model: b, layer_range: [1, 2]}]
"""
    found, made = merged(tmp_path, text)
    np.testing.assert_array_equal(found["model.embed_tokens.weight"], one["model.embed_tokens.weight"])
    np.testing.assert_array_equal(found["lm_head.weight"], two["lm_head.weight"])
    np.testing.assert_array_equal(found["model.norm.weight"], two["model.norm.weight"])
    assert made.notes == ()


def test_filters_and_gradients_choose_by_tensor(tmp_path: Path) -> None:
    one, two = llama_weights(1), llama_weights(2)
    models(tmp_path, one, two)
    text = """
merge_method: linear
models:
  - {model: a, parameters: {weight: 1}}
  - {model: b, parameters: {weight: [{filter: mlp, value: [0, 3]}, {filter: norm, value: 0}]}}
parameters: {weight: 2, normalize: false}
"""
    found, _ = merged(tmp_path, text)
    for layer in range(4):
        name = f"model.layers.{layer}.mlp.up_proj.weight"
        exact = one[name].astype("f8") + layer * two[name].astype("f8")
        np.testing.assert_allclose(found[name], exact, rtol=1e-6)
    np.testing.assert_array_equal(found["model.norm.weight"], one["model.norm.weight"])
    exact = one["lm_head.weight"].astype("f8") + 2 * two["lm_head.weight"].astype("f8")
    np.testing.assert_array_equal(found["lm_head.weight"], exact.astype("f4"))


def test_a_filter_for_a_model_has_the_layer_of_the_model(tmp_path: Path) -> None:
    """As in mergekit; and one for all models has the layer of the result."""
    one, two = llama_weights(1, layers=3), llama_weights(2, layers=3)
    models(tmp_path, one, two)
    text = """
merge_method: linear
slices:
  - sources:
      - {model: a, layer_range: [1, 2], parameters: {weight: [{filter: layers.1., value: 1}, {value: 5}]}}
      - {model: b, layer_range: [2, 3], parameters: {weight: [{filter: layers.2., value: 2}, {value: 7}]}}
    parameters: {normalize: [{filter: layers.0., value: false}, {value: true}]}
"""
    found, _ = merged(tmp_path, text)
    name = "model.layers.{}.mlp.up_proj.weight"
    exact = one[name.format(1)].astype("f8") + 2 * two[name.format(2)].astype("f8")
    np.testing.assert_array_equal(found[name.format(0)], exact.astype("f4"))


def test_equal_models_get_what_the_method_gives(tmp_path: Path) -> None:
    models(tmp_path, weights(1), weights(1))
    text = LINEAR.replace("0.25", "0.5").replace("0.75", "0.3") + "parameters: {normalize: false}\n"
    found, _ = merged(tmp_path, text)
    for name, value in weights(1).items():
        np.testing.assert_allclose(found[name], 0.8 * value.astype("f8"), rtol=1e-6)


def test_dtypes_are_widened_and_the_result_has_the_one_of_the_file(tmp_path: Path) -> None:
    one, two = weights(1), {name: value.astype(bfloat16) for name, value in weights(2).items()}
    models(tmp_path, one, two)
    exact = {name: 0.25 * one[name].astype("f8") + 0.75 * two[name].astype("f8") for name in one}
    found, made = merged(tmp_path, LINEAR)
    assert made.notes == (
        "5 parameters have another dtype in some models: the wider is taken, F32 (dtype chooses another)",
    )
    for name, value in exact.items():
        np.testing.assert_array_equal(found[name], value.astype("f4"))
    found, _ = merged(tmp_path, LINEAR + "dtype: float32\nout_dtype: float16\n")
    for name, value in exact.items():
        np.testing.assert_array_equal(found[name], value.astype("f2"))


def test_layers_of_several_dtypes_are_widened_too(tmp_path: Path) -> None:
    one = llama_weights(1, layers=2)
    two = {name: value.astype("f2") if ".layers.1." in name else value for name, value in one.items()}
    models(tmp_path, one, two)
    text = """
merge_method: linear
slices: [{sources: [{model: a, layer_range: [0, 1]}, {model: b, layer_range: [1, 2]}]}]
parameters: {weight: 1}
"""
    found, _ = merged(tmp_path, text)
    name = "model.layers.{}.mlp.up_proj.weight"
    exact = (one[name.format(0)].astype("f8") + two[name.format(1)].astype("f8")) / 2
    np.testing.assert_array_equal(found[name.format(0)], exact.astype("f4"))


def test_whole_numbers_are_taken_if_equal_and_counted_if_they_count(tmp_path: Path) -> None:
    one, two = weights(1), weights(2)
    for values, count in ((one, 3), (two, 5)):
        values["bn.num_batches_tracked"] = np.array(count)
        values["position_ids"] = np.arange(4)
    models(tmp_path, one, two)
    found, _ = merged(tmp_path, LINEAR)
    assert found["bn.num_batches_tracked"] == 5
    np.testing.assert_array_equal(found["position_ids"], np.arange(4))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LINEAR.replace("0.75", "[{filter: none, value: 1}]"), "no value of weight of b is for this tensor"),
        (SLERP.replace("[0, 1]", "[{filter: mlp, value: 1}]"), "no value of t is for this tensor"),
        (
            "merge_method: ties\nbase_model: a\nmodels: [{model: b}]\nparameters: {weight: 1, density: 2}",
            "'density' of 'ties': 2 isn't from 0 to 1",
        ),
        ("merge_method: karcher\nslices: [{sources: [{model: a, layer_range: [3, 5]}]}]", "a has no layer 4"),
        (
            "merge_method: karcher\nslices: [{sources: [{model: c, layer_range: [0, 1]}]}]",
            "c has several lists",
        ),
        ("merge_method: karcher\nslices: [{sources: [{model: d, layer_range: [0, 1]}]}]", "d has no layers"),
        ("merge_method: karcher\nmodels: [{model: a}, {model: d}]", "can't be combined"),
    ],
)
def test_what_does_not_fit_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    two_lists = {"encoder.layers.0.w": np.ones(3, "f4"), "decoder.layers.0.w": np.ones(3, "f4")}
    models(tmp_path, llama_weights(1), llama_weights(2), two_lists, {"w": np.ones(3, "f4")})
    with pytest.raises(UsageError, match=message):
        merged(tmp_path, text)
    assert not (tmp_path / "out").exists()


def test_factors_of_adapters_are_refused(tmp_path: Path) -> None:
    factors = {"l.q.lora_A.weight": np.ones((2, 6), "f4"), "l.q.lora_B.weight": np.ones((6, 2), "f4")}
    models(tmp_path, factors, {name: 2 * value for name, value in factors.items()})
    with pytest.raises(UsageError, match="is a factor of an adapter"):
        merged(tmp_path, LINEAR)


def test_quantised_weights_are_moved_but_not_combined(tmp_path: Path) -> None:
    kinds = {"qweight": "i4", "scales": "f2"}
    made = [
        {f"l.{i}.q.{key}": np.full((2, 2), number + i, kind) for i in range(2) for key, kind in kinds.items()}
        for number in (1, 3)
    ]
    models(tmp_path, *made)
    text = "merge_method: passthrough\nslices: [{sources: [{model: b, layer_range: [1, 2]}]}]"
    found, _ = merged(tmp_path, text)
    assert found.keys() == {"l.0.q.qweight", "l.0.q.scales"}
    np.testing.assert_array_equal(found["l.0.q.qweight"], made[1]["l.1.q.qweight"])
    with pytest.raises(UsageError, match="can't be combined"):
        merged(tmp_path, LINEAR)


def test_layers_of_pytorch_files_become_safetensors(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    one = llama_weights(1, layers=2)
    torch.save({key: torch.tensor(value) for key, value in one.items()}, tmp_path / "a")
    text = """
merge_method: passthrough
slices:
  - sources: [{model: a, layer_range: [1, 2]}]
  - sources: [{model: a, layer_range: [0, 2]}]
"""
    with pytest.raises(UsageError, match="can't have these parameters"):
        merged(tmp_path, text)
    found, made = merged(tmp_path, text, to_safetensors=True)
    name = "model.layers.{}.mlp.up_proj.weight"
    for new, old in enumerate((1, 0, 1)):
        np.testing.assert_array_equal(found[name.format(new)], one[name.format(old)])
    assert "a is of the format pytorch: only tensors are in the new file" in made.notes
