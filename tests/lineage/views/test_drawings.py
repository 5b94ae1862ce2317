"""Graphs for programs that draw them."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from git_theta.lineage.graph import Derivation, Graph, ModelNode
from git_theta.lineage.views.drawings import dot_lines, mermaid_lines

HOSTILE = 'a"]; click m0 "javascript:alert(1)" <script>\n\x1b[31m'
GRAPH = Graph(
    {
        "base": ModelNode("base", files=("base",)),
        HOSTILE: ModelNode(HOSTILE, files=("x",)),
        "hf:x/y": ModelNode("hf:x/y", is_external=True),
    },
    (Derivation("base", "hf:x/y", "finetune", "recorded"), Derivation(HOSTILE, "base", 'a"b', "inferred")),
)


def test_mermaid() -> None:
    lines = list(mermaid_lines(GRAPH))
    assert lines[0] == "graph LR"
    assert '  m0["base"]' in lines
    assert '  m2(["hf:x/y"])' in lines
    assert '  m2 -->|"finetune"| m0' in lines
    assert '  m0 -.->|"a#34;b"| m1' in lines
    assert not any(char in "".join(lines) for char in "<\n\x1b;]"[1:3])
    assert "<script>" not in "".join(lines)


def test_dot() -> None:
    lines = list(dot_lines(GRAPH))
    assert '  "hf:x/y" -> "base" [label="finetune"];' in lines
    assert '[label="a\\"b", style=dashed];' in lines[-2]
    assert "\x1b" not in "".join(lines)


@pytest.mark.skipif(not shutil.which("dot"), reason="Graphviz isn't installed")
def test_graphviz_reads_it() -> None:
    subprocess.run(
        ["dot", "-Tsvg"], input="\n".join(dot_lines(GRAPH)).encode(), check=True, capture_output=True
    )
