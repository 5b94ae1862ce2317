from __future__ import annotations

import string
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.lineage.structure.module_graph import INPUT, OUTPUT, ModuleContainer, module_graph

NAMES = st.lists(st.text("ab./019q", max_size=12), unique=True, max_size=30)


def flow(*names: str) -> set[tuple[str, str]]:
    """The edges, by name."""
    graph = module_graph(names)
    label = {INPUT: "in", OUTPUT: "out", **dict(enumerate(graph.names))}
    return {(label[a], label[b]) for a, b in graph.flow}


def containers(container: ModuleContainer) -> Iterator[ModuleContainer]:
    yield container
    for inner in container.inner:
        yield from containers(inner)


def test_a_transformer() -> None:
    layer = [
        *("input_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.o_proj"),
        *("post_attention_layernorm", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"),
    ]
    names = [f"model.layers.{i}.{name}" for i in (10, 9) for name in layer]
    found = flow("lm_head", "model.norm", "model.embed_tokens", *names)
    first, second = "model.layers.9", "model.layers.10"
    assert found == {
        ("in", "model.embed_tokens"),
        ("model.embed_tokens", f"{first}.input_layernorm"),
        *(
            edge
            for start in (first, second)
            for edge in (
                (f"{start}.input_layernorm", f"{start}.self_attn.q_proj"),
                (f"{start}.input_layernorm", f"{start}.self_attn.k_proj"),
                (f"{start}.self_attn.q_proj", f"{start}.self_attn.o_proj"),
                (f"{start}.self_attn.k_proj", f"{start}.self_attn.o_proj"),
                (f"{start}.self_attn.o_proj", f"{start}.post_attention_layernorm"),
                (f"{start}.post_attention_layernorm", f"{start}.mlp.gate_proj"),
                (f"{start}.post_attention_layernorm", f"{start}.mlp.up_proj"),
                (f"{start}.mlp.gate_proj", f"{start}.mlp.down_proj"),
                (f"{start}.mlp.up_proj", f"{start}.mlp.down_proj"),
            )
        ),
        (f"{first}.mlp.down_proj", f"{second}.input_layernorm"),
        (f"{second}.mlp.down_proj", "model.norm"),
        ("model.norm", "lm_head"),
        ("lm_head", "out"),
    }


@pytest.mark.parametrize(
    "order",
    [
        "conv1 bn1 layer1.0.conv1 layer1.0.bn1 layer1.0.conv2 layer1.0.bn2 layer2.0.conv1 layer10.0.conv1 fc",
        "embeddings.word_embeddings embeddings.LayerNorm attention.self.query attention.output.dense",
        "attention.output.dense attention.output.LayerNorm intermediate.dense output.dense output.LayerNorm",
        "encoder.layer.0.output.dense pooler.dense classifier",
        "wte h.0.ln_1 h.0.attn.c_attn h.0.attn.c_proj h.0.ln_2 h.0.mlp.c_fc h.0.mlp.c_proj ln_f",
        "token_embd blk.0.attn_norm blk.0.attn_q blk.0.attn_output blk.0.ffn_norm blk.1.ffn_up",
        "blk.0.ffn_up blk.0.ffn_down output_norm output",
        "l1 l2 l10",
        "attn attn.out_proj",
    ],
)
def test_the_order_of_layers(order: str) -> None:
    names = order.split()
    assert module_graph(sorted(names)).names == tuple(names)
    assert module_graph(reversed(names)).names == tuple(names)


def test_experts_are_side_by_side() -> None:
    found = flow("gate", "experts.0.w1", "experts.0.w2", "experts.1.w1", "experts.1.w2", "norm")
    assert found == {
        ("in", "gate"),
        *(("gate", f"experts.{i}.w1") for i in (0, 1)),
        *((f"experts.{i}.w1", f"experts.{i}.w2") for i in (0, 1)),
        *((f"experts.{i}.w2", "norm") for i in (0, 1)),
        ("norm", "out"),
    }


def test_wide_stages_have_few_edges() -> None:
    names = [f"{part}.experts.{i}" for part in "ab" for i in range(1000)]
    assert len(module_graph(names).flow) == 3000


def test_containers() -> None:
    graph = module_graph(["a.x.1", "a.x.0", "a.y", "b"])
    assert graph.names == ("a.x.0", "a.x.1", "a.y", "b")
    assert [(each.name, each.start, each.end) for each in containers(graph.root)] == [
        ("", 0, 4),
        ("a.", 0, 3),
        ("a.x.", 0, 2),
    ]


def test_no_modules() -> None:
    assert module_graph([]).flow == ()
    assert module_graph([""]).flow == ((INPUT, 0), (0, OUTPUT))


@given(NAMES)
def test_any_names(names: list[str]) -> None:
    graph = module_graph(names)
    assert sorted(graph.names) == sorted(names)
    indices = range(len(names))
    # Every module is on a way from the input to the output, and values flow forwards.
    assert {target for _, target in graph.flow} - {OUTPUT} == set(indices)
    assert {source for source, _ in graph.flow} - {INPUT} == set(indices)
    assert all(a < b or b == OUTPUT for a, b in graph.flow)
    assert len(set(graph.flow)) == len(graph.flow)
    for container in containers(graph.root):
        starts = [container.start, *(each.start for each in container.inner)]
        assert starts == sorted(starts)
        assert all(container.start <= each.start < each.end <= container.end for each in container.inner)


def test_names_of_many_parts() -> None:
    names = [".".join([letter] * 50_000) for letter in string.ascii_letters]
    assert len(module_graph(names).names) == len(names)
