"""Whole merges against mergekit: its YAML, read by both; skipped without mergekit.

    pip install mergekit
    python -m pytest tests/combine/mergekit/test_run_merge.py

mergekit computes in float32 and we in float64: results may differ by roundings. Methods with random numbers
are left out.
"""

from __future__ import annotations

import json
import os
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from git_theta.combine.mergekit.tensors import is_before_layers
from tests.helpers import in_process
from tests.helpers.small_llama import llama_folder, llama_weights

merge = pytest.importorskip("mergekit.merge")
config = pytest.importorskip("mergekit.config")
options = pytest.importorskip("mergekit.options")
yaml = pytest.importorskip("yaml")
pytestmark = [
    pytest.mark.oracle,
    # Those of transformers and torch.
    pytest.mark.filterwarnings("ignore"),
]

TWO = "models: [{model: one}, {model: two}]\n"

CONFIGS = {
    "linear": """
merge_method: linear
models:
  - {model: one, parameters: {weight: 0.25}}
  - {model: two, parameters: {weight: [0.1, 1.5]}}
""",
    "linear-not-normalized": """
merge_method: linear
models:
  - {model: one, parameters: {weight: 0.5}}
  - model: two
    parameters:
      weight:
        - {filter: mlp, value: 0.3}
        - {filter: layers.2., value: [0.1, 0.2, 0.9]}
        - value: 1e-4
parameters: {normalize: false}
dtype: float32
""",
    "linear-with-a-base-that-is-not-listed": """
merge_method: linear
base_model: base
models: [{model: one}, {model: two}]
parameters: {weight: 1.0}
""",
    "slerp": """
merge_method: slerp
base_model: two
models: [{model: one}, {model: two}]
parameters:
  t:
    - {filter: self_attn, value: [0, 0.5, 0.3, 0.7, 1]}
    - {filter: mlp, value: [1, 0.5, 0.7, 0.3, 0]}
    - value: 0.5
out_dtype: float32
""",
    "slerp-of-slices": """
merge_method: slerp
base_model: one
slices:
  - sources: [{model: one, layer_range: [0, 2]}, {model: two, layer_range: [1, 3]}]
  - sources: [{model: two, layer_range: [3, 4]}, {model: one, layer_range: [3, 4]}]
    parameters: {t: [0.9, 0.2]}
  - sources: [{model: one, layer_range: [0, 3]}, {model: two, layer_range: [0, 3]}]
    base_model: two
parameters:
  t: [0.1, 0.6]
""",
    "passthrough": """
merge_method: passthrough
slices:
  - sources: [{model: one, layer_range: [0, 3]}]
  - sources:
      - model: two
        layer_range: [1, 4]
        parameters:
          scale: [{filter: o_proj, value: 0.5}, {filter: layers.2.mlp.down_proj, value: 0.0}, {value: 1.0}]
""",
    "task-arithmetic": """
merge_method: task_arithmetic
base_model: base
models:
  - {model: one, parameters: {weight: 0.7}}
  - {model: two, parameters: {weight: [0.1, -0.3]}}
parameters: {lambda: 1.1, normalize: false, int8_mask: true}
""",
    "ties": """
merge_method: ties
models:
  - model: base
  - {model: one, parameters: {density: [1, 0.7, 0.1], weight: 1.0}}
  - model: two
    parameters:
      density: 0.5
      weight: [{filter: mlp, value: 0.5}, {value: 0}]
base_model: base
parameters: {normalize: true}
dtype: float32
""",
    "breadcrumbs": """
merge_method: breadcrumbs_ties
base_model: base
models:
  - {model: one, parameters: {weight: 0.5}}
  - {model: two, parameters: {weight: 0.5, gamma: 0.1}}
parameters: {density: 0.8}
""",
    "model-stock": "merge_method: model_stock\nbase_model: base\n" + TWO,
    "sce": "merge_method: sce\nbase_model: base\nparameters: {select_topk: 0.4}\n" + TWO,
    "karcher": "merge_method: karcher\nparameters: {max_iter: 20}\n" + TWO,
    "nuslerp": """
merge_method: nuslerp
models:
  - {model: one, parameters: {weight: [0.1, 0.9]}}
  - {model: two, parameters: {weight: 0.4}}
parameters: {nuslerp_flatten: false, nuslerp_row_wise: true}
""",
    "nuslerp-of-changes": """
merge_method: nuslerp
base_model: base
models: [{model: one, parameters: {weight: 0.5}}, {model: two, parameters: {weight: 0.3}}]
""",
    "multislerp": "merge_method: multislerp\nparameters: {weight: [0.2, 1]}\n" + TWO,
    "nearswap": "merge_method: nearswap\nbase_model: one\nparameters: {t: 0.05}\n" + TWO,
    "ramplus": "merge_method: ramplus_tl\nbase_model: base\nparameters: {epsilon: 0.02}\n" + TWO,
}


def run_both(folder: Path, text: str) -> tuple[dict, dict]:
    """The weights that we and mergekit make."""
    base = llama_weights(0)
    for name, seed in (("base", None), ("one", 1), ("two", 2)):
        llama_folder(folder / name, base if seed is None else llama_weights(seed, base=base))
    (folder / "merge.yml").write_text(text)
    outside = {"GIT_CEILING_DIRECTORIES": os.fspath(folder.parent)}
    done = in_process.theta(
        folder, ["combine", "--config", "merge.yml", "-o", "ours.safetensors"], env=outside
    )
    assert done.returncode == 0, done.stderr
    parsed = config.MergeConfiguration.model_validate(yaml.safe_load(text))
    before = os.getcwd()
    os.chdir(folder)
    try:
        merge.LoaderCache.loaders.clear()
        merge.run_merge(
            parsed, "theirs", options.MergeOptions(quiet=True, write_model_card=False, copy_tokenizer=False)
        )
    finally:
        os.chdir(before)
    theirs = {}
    for file in sorted((folder / "theirs").glob("*.safetensors")):
        theirs |= load_file(file)
    return dict(load_file(folder / "ours.safetensors")), theirs


@pytest.mark.parametrize("name", CONFIGS)
def test_the_same_as_mergekit(tmp_path: Path, name: str) -> None:
    ours, theirs = run_both(tmp_path, CONFIGS[name])
    assert {key: value.shape for key, value in ours.items()} == {k: v.shape for k, v in theirs.items()}
    for key, value in theirs.items():
        np.testing.assert_allclose(
            ours[key], value, rtol=0, atol=4e-6 * max(1, np.abs(value).max()), err_msg=key
        )


@pytest.mark.parametrize(
    "dtypes", ["dtype: float16", "dtype: float32\nout_dtype: float16", "out_dtype: float64"]
)
def test_dtypes_as_in_mergekit(tmp_path: Path, dtypes: str) -> None:
    ours, theirs = run_both(tmp_path, f"{CONFIGS['linear']}{dtypes}\n")
    assert {key: value.dtype for key, value in ours.items()} == {k: v.dtype for k, v in theirs.items()}
    for key, value in theirs.items():
        np.testing.assert_allclose(ours[key], value, rtol=2e-3, atol=2e-3, err_msg=key)


def test_tensors_before_the_layers_are_those_of_mergekit() -> None:
    """By the names that mergekit lists for each architecture."""
    found = 0
    for file in (resources.files("mergekit") / "_data/architectures").iterdir():
        known = json.loads(file.read_text()) if file.name.endswith(".json") else {}
        for key, wanted in (("pre_weights", True), ("post_weights", False)):
            for weight in known.get(key, ()):
                assert is_before_layers(weight["name"]) == wanted, f"{file.name}: {weight['name']}"
                found += 1
    assert found > 100
