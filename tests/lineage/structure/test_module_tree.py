from __future__ import annotations

from git_theta.lineage.structure.module_tree import module_tree
from git_theta.model.tensor import TensorSpec
from tests.helpers.manifests import A, B, entry
from tests.helpers.module_names import bert


def test_modules_of_a_model() -> None:
    tree = module_tree(bert(1).values())
    assert [module.name.removeprefix("bert.encoder.layer.0.") for module in tree.modules] == [
        *(
            "bert.embeddings.position_embeddings",
            "bert.embeddings.word_embeddings",
            "bert.embeddings.LayerNorm",
        ),
        *("attention.self.key", "attention.self.query", "attention.self.value"),
        *("attention.output.dense", "attention.output.LayerNorm"),
        *("intermediate.dense", "output.dense", "output.LayerNorm", "bert.pooler.dense", "classifier"),
    ]
    dense = tree.modules[8]
    assert (dense.type, dense.shapes) == ("linear", (("bias", (32,)), ("weight", (32, 8))))


def test_the_content_of_a_module() -> None:
    """Dtypes and values count, other modules don't."""
    one = module_tree([entry("a.weight", A), entry("b.weight", A)]).modules
    assert one[0].content == one[1].content
    two = module_tree([entry("a.weight", B), entry("a.bias", A)]).modules
    half = module_tree([entry("a.weight", A, spec=TensorSpec("F16", (2, 3)))]).modules
    assert len({one[0].content, two[0].content, half[0].content}) == 3
    assert one[0].signature == half[0].signature != two[0].signature
