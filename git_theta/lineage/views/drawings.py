"""A lineage graph in the languages of programs that draw graphs: DOT of Graphviz, and Mermaid."""

from __future__ import annotations

from collections.abc import Iterator

from git_theta.lineage.graph import Graph


def dot_lines(graph: Graph) -> Iterator[str]:
    """The graph in DOT: edges lead from parents to children."""
    yield "digraph lineage {"
    yield "  rankdir=LR;"
    yield '  node [shape=box, style=rounded, fontname="sans-serif"];'
    yield '  edge [fontname="sans-serif", fontsize=10];'
    for name, node in graph.models.items():
        style = ", style=dashed" if node.is_external or not node.files else ""
        yield f"  {_quoted(name)} [label={_quoted(name)}{style}];"
    for edge in graph.derivations:
        style = ", style=dashed" if edge.source == "inferred" else ""
        yield f"  {_quoted(edge.parent)} -> {_quoted(edge.child)} [label={_quoted(edge.relation)}{style}];"
    yield "}"


def mermaid_lines(graph: Graph) -> Iterator[str]:
    """The graph in Mermaid, which Markdown on GitHub and GitLab draws."""
    ids = {name: f"m{number}" for number, name in enumerate(graph.models)}
    yield "graph LR"
    for name, node in graph.models.items():
        left, right = ("([", "])") if node.is_external else ("[", "]")
        yield f'  {ids[name]}{left}"{_entities(name)}"{right}'
    for edge in graph.derivations:
        arrow = "-.->" if edge.source == "inferred" else "-->"
        yield f'  {ids[edge.parent]} {arrow}|"{_entities(edge.relation)}"| {ids[edge.child]}'


def _quoted(text: str) -> str:
    escaped = _plain(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _entities(text: str) -> str:
    """Text for a label: everything that Mermaid or HTML might read as its own is an entity."""
    return "".join(char if char.isalnum() or char in " ./_-:@" else f"#{ord(char)};" for char in _plain(text))


def _plain(text: str) -> str:
    """Text without control characters and lone surrogates, which are no part of these languages."""
    return "".join(char if char.isprintable() else "�" for char in text)
