"""Docstrings that can be read at first sight: the first word names a thing or an action."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(
    path for folder in ("git_theta", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")
)

#: Words that point at a thing which the reader doesn't know yet.
RIDDLES = {"it", "it's", "that", "that's", "they", "this", "those", "what", "who", "whom"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_begin_with_their_thing(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            words = (ast.get_docstring(node) or "").split(maxsplit=1)
            first = words[0].strip(".,:;").lower() if words else ""
            assert first not in RIDDLES, f"line {getattr(node, 'lineno', 1)}: {words}"
