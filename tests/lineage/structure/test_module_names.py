from __future__ import annotations

import pytest

from git_theta.lineage.structure.module_names import module_parameters, split_name
from git_theta.model.tensor import TensorSpec


@pytest.mark.parametrize(
    ("name", "module", "parameter"),
    [
        ("encoder.0.query.weight", "encoder.0.query", "weight"),
        ("params/Dense_0/kernel", "params/Dense_0", "kernel"),
        ("dense/bias/.ATTRIBUTES/VARIABLE_VALUE", "dense", "bias"),
        ("attn.in_proj_weight", "attn", "in_proj_weight"),
        ("lstm.weight_hh_l0_reverse", "lstm", "weight_hh_l0_reverse"),
        ("bn.running_var", "bn", "running_var"),
        ("weight", "", "weight"),
        ("vit.cls_token", "vit.cls_token", ""),
        ("onnx::MatMul_12", "onnx::MatMul_12", ""),
        ("layers.0", "layers.0", ""),
        ("", "", ""),
    ],
)
def test_the_module_of_a_parameter(name: str, module: str, parameter: str) -> None:
    assert split_name(name) == (module, parameter)


def test_a_quantised_weight_is_one_parameter() -> None:
    specs = {
        "q.qweight": TensorSpec("I32", (8, 32)),
        "q.qzeros": TensorSpec("I32", (1, 4)),
        "q.scales": TensorSpec("F16", (1, 32)),
        "q.g_idx": TensorSpec("I32", (64,)),
        "q.bias": TensorSpec("F16", (32,)),
    }
    (found,) = module_parameters(specs).items()
    module, parameters = found
    assert module == "q"
    assert [each.name for each in parameters] == ["weight", "bias"]
    assert set(parameters[0].tensors) == {"q.qweight", "q.qzeros", "q.scales", "q.g_idx"}


def test_state_of_a_trainer_is_no_module() -> None:
    names = ["model/l.weight", "optimizer/state/0/exp_avg", "lr_schedulers/0/x", ".bytes/0", "optimum.weight"]
    found = module_parameters({name: TensorSpec("F32", (2,)) for name in names})
    assert list(found) == ["model/l", "optimum"]
