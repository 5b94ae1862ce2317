"""Quantised weights: which parameters of a model make one up, by their names, and how it was quantised."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Mapping
from dataclasses import dataclass

from git_theta.model.tensor import TensorSpec

#: Names of a module's parameters that go with its `weight`: of GPTQ, AWQ, bitsandbytes, HQQ, AQLM, ComfyUI.
_SIBLING = re.compile(
    r"(?P<stem>.*?)(?P<sep>[./]|\A)(?:qweight|qzeros|scales|g_idx|SCB|weight_format|weight_scales|scale_weight"
    r"|scale_input|input_scale|input_scale_ub|input_global_scale|output_scale|comfy_quant|W_q|codes|codebooks"
    r"|(?:res_|outlier_)?(?:indices|centroids[./]weight))\Z"
)

#: Ends of names of what goes with a weight: `weight_scale_inv`, `weight.absmax`, `w_scale`, `weight_packed`;
#: of ONNX Runtime's tools `weight_quantized`, `weight_zero_point`, `weight_Q4`, `weight_scales`.
_COMPANION = re.compile(
    r"(?P<stem>.+?)(?P<sep>[./_])(?:scale|scales|scale_inv|scale_2|global_scale|zero|zeros|zero_point|shape"
    r"|g_idx|packed|blocks|absmax|quant_map|nested_absmax|nested_quant_map|quant_state[./].+|_data|_scale|_shift"
    r"|qdata|int_data|quantized|zero_points|Q[248]|DQ_Q[248]|DQ_scales|DQ_zero_points)\Z"
)

#: Ends of names of the codes by ONNX Runtime's tools.
_ONNX_CODES = re.compile(r"_(?:quantized|(?:DQ_)?Q[248])\Z")

#: Dtypes of weights as they are; values of other dtypes are codes, or count something.
_NUMBERS = frozenset(("F64", "F32", "F16", "BF16"))

#: The parameter of bitsandbytes that says how a weight is quantised.
_STATE = "weight.quant_state.bitsandbytes__"


@dataclass(frozen=True, slots=True)
class QuantizedWeight:
    """The parameters that make up a quantised weight.

    Attributes:
        name: The name of the weight; there may be no parameter of this name.
        scheme: How it was quantised, in words, such as `GPTQ 4 bits`.
        members: Names of the parameters, two or more: the one with the codes first.
        shape: Sizes of the dimensions of the weight that the codes stand for; `None` if they aren't known.
    """

    name: str
    scheme: str
    members: tuple[str, ...]
    shape: tuple[int, ...] | None = None

    @property
    def label(self) -> str:
        """The names of the members in one: `layer.{qweight,qzeros,scales}`."""
        folder = _folder(self.name)
        return f"{folder}{{{','.join(name[len(folder) :] for name in self.members)}}}"


def weight_of(name: str, known: Container[str]) -> str | None:
    """The name of the weight that a parameter goes with; `None` if the name doesn't say so.

    Args:
        name: Name of a parameter.
        known: Names of all parameters. The weight needn't be one of them.
    """
    found = _SIBLING.match(name)
    if found:
        stem = found["stem"]
        return stem if stem in known else f"{stem}{found['sep']}weight"
    found = _COMPANION.match(name)
    if not found:
        return None
    stem, separator = found["stem"], found["sep"]
    whole = separator == "_" or stem in known or stem.endswith((".weight", "/weight"))
    return stem if whole else f"{stem}{separator}weight"


def quantized_weights(specs: Mapping[str, TensorSpec]) -> tuple[QuantizedWeight, ...]:
    """The quantised weights of a model; time is in proportion to the number of parameters.

    Args:
        specs: Name → dtype and shape of every parameter.
    """
    companions: dict[str, list[str]] = defaultdict(list)
    if all(spec.dtype in _NUMBERS for spec in specs.values()):
        return ()
    for name in specs:
        weight = weight_of(name, specs)
        if weight is not None:
            companions[weight].append(name)
    found = []
    for weight, names in companions.items():
        members = [*([weight] if weight in specs else []), *names]
        if len(members) > 1 and any(specs[name].dtype not in _NUMBERS for name in members):
            found.append(_described(weight, {name: specs[name] for name in members}))
    return tuple(found)


def _folder(weight: str) -> str:
    """The part of a weight's name that the names of all its parameters begin with."""
    return weight[: max(weight.rfind("."), weight.rfind("/")) + 1]


def _described(weight: str, specs: Mapping[str, TensorSpec]) -> QuantizedWeight:
    """A weight with its scheme, told from its parameters' names, dtypes and shapes."""
    folder = _folder(weight)
    parts = {name[len(folder) :]: spec for name, spec in specs.items()}
    own = weight[len(folder) :]
    scheme, codes, shape = _scheme(parts, own)
    first = next((part for part in (codes, own) if part in parts), next(iter(parts)))
    members = (first, *(part for part in parts if part != first))
    return QuantizedWeight(weight, scheme, tuple(folder + part for part in members), shape)


def _scheme(parts: Mapping[str, TensorSpec], own: str) -> tuple[str, str, tuple[int, ...] | None]:
    """The scheme, the part that has the codes, and the shape of what they stand for.

    Args:
        parts: Ends of the parameters' names → dtype and shape.
        own: The end of the weight's name.
    """
    if "qweight" in parts and "scales" in parts:
        return _packed_words(parts)
    state = next((part[len(_STATE) :] for part in parts if part.startswith(_STATE)), None)
    if state is not None:
        return f"bitsandbytes {state}", own, None
    blocks = next((part for part in parts if part.endswith("blocks")), None)
    if blocks and parts[blocks].dtype == "U8" and f"{blocks[:-6]}scales" in parts:
        *outer, groups, size = parts[blocks].shape or (0, 0)
        return "MXFP4", blocks, (*outer, groups * size * 2)
    if f"{own}_packed" in parts:
        return "compressed-tensors", f"{own}_packed", _fp4(parts[f"{own}_packed"], parts, own)
    for codes in (
        f"{own}_quantized",
        *(f"{own}_{form}Q{bits}" for form in ("", "DQ_") for bits in (2, 4, 8)),
    ):
        if codes in parts:
            return f"ONNX {parts[codes].dtype}", codes, _plain_shape(parts[codes])
    if "W_q" in parts:
        return "HQQ", "W_q", None
    if "codes" in parts and "codebooks" in parts:
        return "AQLM", "codes", None
    spec = parts.get(own)
    if spec is None:
        return "quantised", "", None
    if "SCB" in parts or f"{own}.SCB" in parts:
        return "LLM.int8", own, spec.shape
    if spec.dtype.startswith("F8"):
        return "FP8", own, spec.shape
    wide = _fp4(spec, parts, own)
    if wide:
        return "NVFP4", own, wide
    return ("INT8", own, spec.shape) if spec.dtype == "I8" else ("quantised", own, None)


def _plain_shape(spec: TensorSpec) -> tuple[int, ...] | None:
    """The shape of codes that have a byte each; `None` for others, which may be packed in blocks."""
    return spec.shape if spec.dtype == "I8" else None


def _packed_words(parts: Mapping[str, TensorSpec]) -> tuple[str, str, tuple[int, ...] | None]:
    """GPTQ and AWQ: codes in words of 32 bits, along the inputs or along the outputs."""
    codes, scales = parts["qweight"], parts["scales"]
    if len(codes.shape) == 2 and len(scales.shape) == 2:
        (rows, columns), outputs = codes.shape, scales.shape[1]
        zeros = parts.get("qzeros")
        if columns and outputs % columns == 0 and outputs // columns in (4, 8, 16):
            return f"AWQ {32 * columns // outputs} bits", "qweight", (outputs, rows)
        if columns == outputs and columns and zeros and len(zeros.shape) == 2:
            bits = 32 * zeros.shape[1] // outputs
            if bits in (2, 3, 4, 8):
                return f"GPTQ {bits} bits", "qweight", (outputs, 32 * rows // bits)
    return "quantised", "qweight", None


def _fp4(spec: TensorSpec, parts: Mapping[str, TensorSpec], own: str) -> tuple[int, ...] | None:
    """The shape of a weight of two codes a byte, if it has a scale for each 16 of them; else `None`."""
    scale = parts.get(f"{own}_scale")
    if spec.dtype != "U8" or scale is None or scale.dtype != "F8_E4M3" or not spec.shape:
        return None
    wide = (*spec.shape[:-1], 2 * spec.shape[-1])
    return wide if scale.shape == (*wide[:-1], wide[-1] // 16) else None
