"""Quantised weights told from names, dtypes and shapes."""

from __future__ import annotations

import pytest

from git_theta.model.quantized_weights import QuantizedWeight, quantized_weights, weight_of
from git_theta.model.tensor import TensorSpec

GPTQ = {
    "l.bias": ("F16", (96,)),
    "l.g_idx": ("I32", (64,)),
    "l.qweight": ("I32", (8, 96)),
    "l.qzeros": ("I32", (2, 12)),
    "l.scales": ("F16", (2, 96)),
}


def found(**parameters: tuple[str, tuple[int, ...]]) -> list[QuantizedWeight]:
    specs = {name: TensorSpec(dtype, shape) for name, (dtype, shape) in parameters.items()}
    return list(quantized_weights(specs))


@pytest.mark.parametrize(
    ("parameters", "scheme", "shape", "codes"),
    [
        (GPTQ, "GPTQ 4 bits", (96, 64), "l.qweight"),
        (
            {"l.qweight": ("I32", (64, 12)), "l.qzeros": ("I32", (2, 12)), "l.scales": ("F16", (2, 96))},
            "AWQ 4 bits",
            (96, 64),
            "l.qweight",
        ),
        (
            {"l.weight": ("F8_E4M3", (8, 4)), "l.weight_scale_inv": ("F32", (1, 1))},
            "FP8",
            (8, 4),
            "l.weight",
        ),
        (
            {
                "l.weight_quantized": ("I8", (8, 4)),
                "l.weight_scale": ("F32", ()),
                "l.weight_zero_point": ("I8", ()),
            },
            "ONNX I8",
            (8, 4),
            "l.weight_quantized",
        ),
        (
            {
                "l.w_Q4": ("U8", (8, 2, 16)),
                "l.w_scales": ("F16", (16,)),
                "l.w_zero_points": ("U8", (8,)),
            },
            "ONNX U8",
            None,
            "l.w_Q4",
        ),
        ({"l.SCB": ("F32", (8,)), "l.weight": ("I8", (8, 4))}, "LLM.int8", (8, 4), "l.weight"),
        ({"l.weight": ("I8", (8, 4)), "l.weight_scale": ("F32", (8, 1))}, "INT8", (8, 4), "l.weight"),
        (
            {
                "l.weight": ("U8", (16, 1)),
                "l.weight.absmax": ("F32", (1,)),
                "l.weight.quant_map": ("F32", (16,)),
                "l.weight.quant_state.bitsandbytes__nf4": ("U8", (80,)),
            },
            "bitsandbytes nf4",
            None,
            "l.weight",
        ),
        (
            {
                "l.weight_packed": ("I32", (8, 4)),
                "l.weight_scale": ("F16", (8, 1)),
                "l.weight_shape": ("I64", (2,)),
            },
            "compressed-tensors",
            None,
            "l.weight_packed",
        ),
        (
            {
                "l.weight": ("U8", (8, 16)),
                "l.weight_scale": ("F8_E4M3", (8, 2)),
                "l.weight_scale_2": ("F32", ()),
            },
            "NVFP4",
            (8, 32),
            "l.weight",
        ),
        (
            {"e.gate_blocks": ("U8", (2, 8, 3, 16)), "e.gate_scales": ("U8", (2, 8, 3))},
            "MXFP4",
            (2, 8, 96),
            "e.gate_blocks",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_schemes(
    parameters: dict[str, tuple[str, tuple[int, ...]]], scheme: str, shape: tuple[int, ...] | None, codes: str
) -> None:
    (weight,) = found(**parameters)
    assert (weight.scheme, weight.shape, weight.members[0]) == (scheme, shape, codes)
    assert set(weight.members) == set(parameters) - {"l.bias"}


def test_a_label_has_all_names() -> None:
    (weight,) = found(**GPTQ)
    assert weight.label == "l.{qweight,g_idx,qzeros,scales}"


def test_odd_shapes_have_no_shape_of_a_weight() -> None:
    (weight,) = found(**{"l.qweight": ("I32", ()), "l.scales": ("F16", (3,))})
    assert (weight.scheme, weight.shape) == ("quantised", None)


def test_scales_of_plain_weights_are_no_quantised_weight() -> None:
    assert found(**{"norm.scale": ("F32", (4,)), "norm.weight": ("F32", (4,))}) == []
    assert found(**{"norm.scale": ("F32", (4,)), "steps": ("I64", ())}) == []


def test_a_name_alone() -> None:
    assert weight_of("l.qweight", ()) == "l.weight"
    assert weight_of("l.bias", ()) is None
