"""A lineage graph as lines of text: each model below a parent, with what is known of the derivation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from git_theta.lineage.graph import Graph

#: Text for a model's line, given its name and that of the parent it's shown under, if any.
Label = Callable[[str, str | None], str]


def tree_lines(graph: Graph, starts: Iterable[str], label: Label, *, upwards: bool = False) -> Iterator[str]:
    """Lines of text, depth first.

    A model with several parents is shown whole below the first one; elsewhere, its line ends in `…`.

    Args:
        graph: The graph; circles are cut where they close.
        starts: The models to begin with.
        label: Makes the text of a line.
        upwards: Whether parents are below their children, not the other way round.
    """
    following = graph.parents if upwards else graph.children
    shown: set[str] = set()
    for start in starts:
        # Lines to come: the prefix of a line, the prefix of those below, the model, its parent.
        stack: list[tuple[str, str, str, str | None]] = [("", "", start, None)]
        while stack:
            prefix, inner, name, above = stack.pop()
            below = sorted(following(name))
            again = name in shown and bool(below)
            yield f"{prefix}{label(name, above)}{' …' if again else ''}"
            if again or name in shown:
                continue
            shown.add(name)
            for position, each in reversed(list(enumerate(below))):
                last = position == len(below) - 1
                stack.append(
                    (inner + ("└── " if last else "├── "), inner + ("    " if last else "│   "), each, name)
                )
