"""Values that mean something only together: quantised weights and their scales."""

from __future__ import annotations

from dataclasses import replace

import pytest

from git_theta.merging.outcome import Conflict, ParameterPlan, Taken
from git_theta.merging.plan_each import plan_each
from git_theta.merging.quantized import decide_quantized, quantized_groups
from git_theta.merging.rules import MergeRule, MergeRules
from git_theta.model.manifest import Entry, Manifest, Source
from git_theta.model.tensor import BLOCKS, TensorSpec

Version = dict[str, tuple[str, str]]


def manifest(version: Version) -> Manifest:
    """A manifest of parameters: name → dtype and a text that stands for the value."""
    entries = (
        Entry(name, TensorSpec(dtype, (BLOCKS.get(dtype, (2, 2))[0],)), value, Source("dense", None))
        for name, (dtype, value) in sorted(version.items())
    )
    layout = Entry("layout", TensorSpec("U8", (1,)), "0", Source("dense", None))
    return Manifest("safetensors", 9, layout, tuple(entries))


def plan(*versions: Version, rules: MergeRules | None = None) -> dict[str, ParameterPlan]:
    rules = rules or MergeRules()
    base, *sides = map(manifest, versions)
    decided = decide_quantized(tuple(plan_each(base, sides, rules)), rules)
    return {each.name: each for each in decided}


def fp8(code: str, scale: str, name: str = "l.weight", suffix: str = "_scale") -> Version:
    return {name: ("F8_E4M3", code), name + suffix: ("F32", scale), "l.bias": ("F32", code)}


@pytest.mark.parametrize(
    "names",
    [
        ["l.weight", "l.weight_scale"],
        ["l.weight", "l.weight_scale_inv"],
        ["l.weight", "l.scale_weight", "l.scale_input"],
        ["l.weight", "l.SCB", "l.weight_format"],
        ["l.weight", "l.weight.absmax", "l.weight.quant_map", "l.weight.quant_state.bitsandbytes__nf4"],
        ["l.qweight", "l.qzeros", "l.scales", "l.g_idx"],
        ["l.weight_packed", "l.weight_scale", "l.weight_zero_point", "l.weight_shape"],
        ["l.weight", "l.weight_scale", "l.weight_scale_2", "l.input_scale"],
        ["experts.gate_up_proj_blocks", "experts.gate_up_proj_scales"],
        ["mlp1_weight.blocks", "mlp1_weight.scales"],
        ["w", "w_scale"],
        ["model/w/_data", "model/w/_scale"],
        ["qweight", "scales"],
        ["l.weight", "l.weight.SCB"],
        ["l.indices", "l.centroids.weight", "l.res_centroids.weight"],
    ],
    ids=lambda names: names[-1],
)
def test_groups_of_common_kinds(names: list[str]) -> None:
    version = {name: ("I32" if i == 0 else "F16", "1") for i, name in enumerate(names)}
    version |= {"l.bias": ("F16", "1"), "other.weight": ("F16", "1")}
    (group,) = quantized_groups(plan(version, version).values())
    assert sorted(group.names) == sorted(names)


@pytest.mark.parametrize(
    "names",
    [
        ["l.B:I32", "l.s:F16"],
        ["l.trellis:I16", "l.suh:F16", "l.svh:F16"],
        ["l.q_weight:I32", "l.q_scale:I32", "l.q_scale_max:F16", "l.q_groups:I16"],
        ["l.weight:I8", "l.weight_scale:F32", "l.weight_offset:F32"],
        ["l.weight:U32", "l.scales:BF16", "l.biases:BF16"],
        ["l.weight:U8", "l.weight_scale:BF16", "l.pre_quant_scale:BF16"],
        ["l.qweight:I8", "l.wscales:BF16", "l.smooth:BF16", "l.proj_down:BF16", "l.proj_up:BF16"],
        ["l.weight_int8:I8", "l.scale:F32"],
        ["state/0/state1:U8", "state/0/absmax1:F32", "state/0/qmap1:F32"],
        ["l.weight._data:I8", "l.weight._scale:F32"],
    ],
    ids=lambda names: names[0],
)
def test_what_is_beside_changed_codes_in_a_layer_goes_with_them(names: list[str]) -> None:
    typed = [name.split(":") for name in names]
    versions = [{name: (dtype, number) for name, dtype in typed} for number in "012"]
    for version, number in zip(versions, "012", strict=True):
        version |= {"l.bias": ("F16", number), "k.weight": ("F16", number)}
    found = plan(*versions)
    for name, _ in typed:
        assert isinstance(found[name].outcome, Conflict), name
    assert isinstance(found["l.bias"].outcome, MergeRule)
    theirs = plan(*versions, rules=MergeRules(fallback=(MergeRule("theirs"),)))
    for name, dtype in typed:
        assert theirs[name].outcome == Taken(
            manifest({name: (dtype, "2")}).entries[0], 1, MergeRule("theirs")
        )


@pytest.mark.parametrize(
    ("coded", "beside"),
    [
        ("l.q:Q8_0", "l.k:F16"),
        ("l.q:Q4_K", "l.k:Q8_0"),
        ("l/q[0:32,0:8]:U8", "l/q[32:64,0:8]:U8"),
        ("l/q[0:32]:U8", "l/k:F32"),
    ],
)
def test_blocks_with_scales_and_compressed_chunks_mean_something_alone(coded: str, beside: str) -> None:
    (first, dtype), (second, other) = (text.rsplit(":", 1) for text in (coded, beside))
    found = plan(
        {first: (dtype, "0"), second: (other, "0")},
        {first: (dtype, "1"), second: (other, "0")},
        {first: (dtype, "0"), second: (other, "2")},
    )
    sides = [outcome.side for each in found.values() if isinstance(outcome := each.outcome, Taken)]
    assert sorted(sides, key=str) == [0, 1]


@pytest.mark.parametrize("coded", ["l/weight[0:32,0:8]:U8", "l/w[0:2]:U8", "l/w:Q8_0"])
def test_codes_beside_a_scale_go_with_it(coded: str) -> None:
    first, dtype = coded.rsplit(":", 1)
    second = "l/other" if "[0:2]" in first else "l/weight_scale"
    found = plan(*({first: (dtype, number), second: ("F32", number)} for number in "012"))
    reason = found[first].outcome
    assert isinstance(reason, Conflict)
    assert isinstance(found[second].outcome, Conflict)


def test_a_group_told_by_its_place_only_is_no_certain_quantised_weight() -> None:
    found = plan(*({"l.nodes": ("U8", number), "l.values": ("F64", number)} for number in "012"))
    outcome = found["l.nodes"].outcome
    assert isinstance(outcome, Conflict)
    assert "may mean something only together" in outcome.reason


@pytest.mark.parametrize("dtype", ["I32", "I64", "U8"])
def test_integers_that_stay_are_no_codes(dtype: str) -> None:
    versions = [
        {"v.ids": (dtype, "0"), "v.pos_embed": ("F32", number), "v.cls_token": ("F32", number)}
        for number in "012"
    ]
    found = plan(*versions)
    assert isinstance(found["v.pos_embed"].outcome, MergeRule)
    assert isinstance(found["v.cls_token"].outcome, MergeRule)


@pytest.mark.parametrize("name", ["l.scale", "l.weight_scale", "l.logit_scale"])
def test_scales_of_floats_are_parameters_like_others(name: str) -> None:
    version = {"l.weight": ("F32", "1"), name: ("F32", "1")}
    assert quantized_groups(plan(version, version).values()) == []


def test_a_weight_and_its_scale_that_both_sides_changed_are_in_conflict() -> None:
    found = plan(fp8("0", "0"), fp8("1", "1"), fp8("2", "2"))
    outcome = found["l.weight"].outcome
    assert isinstance(outcome, Conflict)
    assert "l.weight and l.weight_scale are a quantised weight" in outcome.reason
    assert found["l.weight_scale"].outcome == Conflict("l.weight_scale", "goes with l.weight")
    assert isinstance(found["l.bias"].outcome, MergeRule)


def test_members_that_different_sides_changed_are_in_conflict() -> None:
    found = plan(fp8("0", "0"), fp8("1", "0"), fp8("0", "2"))
    assert isinstance(found["l.weight"].outcome, Conflict)
    assert isinstance(found["l.weight_scale"].outcome, Conflict)


@pytest.mark.parametrize("everywhere", [False, True])
def test_the_only_side_that_changed_a_group_has_all_of_it(everywhere: bool) -> None:
    rule = replace(MergeRule("average"), all_parameters=everywhere)
    found = plan(fp8("0", "0"), fp8("0", "0"), fp8("2", "2"), rules=MergeRules((rule,)))
    taken = [found[name].outcome for name in ("l.weight", "l.weight_scale")]
    assert all(isinstance(each, Taken) and each.side == 1 for each in taken)


@pytest.mark.parametrize("parameters", ["l.weight", "*_scale", "*"])
@pytest.mark.parametrize(
    ("side", "values"), [("ours", ("1", "0")), ("theirs", ("0", "2")), ("base", ("0", "0"))]
)
def test_a_side_for_one_member_is_one_for_all(parameters: str, side: str, values: tuple[str, str]) -> None:
    rules = MergeRules(fallback=(MergeRule(side, parameters=(parameters,)),))
    found = plan(fp8("0", "0"), fp8("1", "0"), fp8("0", "2"), rules=rules)
    entries = [found[name].likely for name in ("l.weight", "l.weight_scale")]
    assert tuple(entry.digest for entry in entries if entry) == values


@pytest.mark.parametrize("versions", [("01", "11", "21"), ("01", "02", "03")], ids=["codes", "scales"])
def test_one_changed_member_is_combined(versions: tuple[str, ...]) -> None:
    found = plan(*(fp8(*version) for version in versions))
    assert not any(isinstance(each.outcome, Conflict) for each in found.values())
    assert any(isinstance(found[name].outcome, MergeRule) for name in ("l.weight", "l.weight_scale"))
