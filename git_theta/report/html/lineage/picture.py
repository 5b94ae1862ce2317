"""The picture of a lineage graph, as the template writes it in SVG."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from git_theta.lineage.drawing.drawing import draw
from git_theta.lineage.drawing.picture import DrawnEdge, DrawnFamily, Point
from git_theta.lineage.graph import Graph, ModelNode
from git_theta.report.html.cell_text import name_text
from git_theta.report.html.lineage.colours import divergence_scale, nearest_shares, size_scale
from git_theta.report.html.lineage.labels import cut, relation_text, short_names, width
from git_theta.report.text import human_size, plural, share_text

#: Width of a character of a label and of the smaller text below it, in units of the picture.
_LABEL_CHAR, _INFO_CHAR = 7.3, 5.9

#: Width of a model beside its label: the margins, and the number of versions.
_BESIDE_LABEL = 56

#: Characters of labels that models have room for, at least.
_MIN_LABEL = 20

#: Width of the bow where an edge turns back.
_BOW = 44.0


@dataclass(frozen=True, slots=True)
class PictureModel:
    """A model.

    Attributes:
        number: Its number in the page.
        x: Left end in its family.
        y: Upper end in its family.
        box: Number of the first model of its group.
        label: Its short name.
        info: Facts, as far as there's room.
        description: Name and facts, for screen readers.
        style: Names of styles: those of its colours, and `external` or `absent`.
        versions: Number of its versions.
        has_problem: Whether there's something that users should know.
    """

    number: int
    x: float
    y: float
    box: int
    label: str
    info: str
    description: str
    style: str
    versions: int
    has_problem: bool


@dataclass(frozen=True, slots=True)
class PictureEdge:
    """An edge.

    Attributes:
        parent: Number of the first model of its parents' box.
        child: Number of the first model of its children's box.
        path: The data of an SVG path.
        points: Start, straight stretches and end as text, from which the script makes the path anew.
        style: Names of styles.
    """

    parent: int
    child: int
    path: str
    points: str
    style: str


@dataclass(frozen=True, slots=True)
class PictureGroup:
    """A frame: the number of the first model in it, and its place in its family."""

    box: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class PictureFamily:
    """A family.

    Attributes:
        title: The name of the model that most others come from.
        count: The number of models in words; empty for a single model, which needs no title.
        x: Left end in the picture.
        y: Upper end in the picture.
        width: Width.
        height: Height.
        models: Models.
        groups: Frames.
        edges: Edges.
    """

    title: str
    count: str
    x: float
    y: float
    width: float
    height: float
    models: tuple[PictureModel, ...]
    groups: tuple[PictureGroup, ...]
    edges: tuple[PictureEdge, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture: its size, the size of a model in it, and the families."""

    width: float
    height: float
    model_width: int
    families: tuple[PictureFamily, ...]


def picture(
    graph: Graph,
    shares: Mapping[tuple[str, str], float],
    versions: Mapping[str, int],
    colours: Mapping[str, int],
) -> Picture:
    """The picture of a graph.

    Args:
        graph: The graph. The number of a model is its place among the graph's models.
        shares: Child and parent → the share of the child's bytes that the parent has, too.
        versions: Name of a model → the number of its versions.
        colours: Relation, as the page shows it → the number of its colour.
    """
    elsewhere = [name for name, node in graph.models.items() if node.is_external]
    labels = short_names((name for name in graph.models if name not in set(elsewhere)), elsewhere)
    longest = max(_MIN_LABEL, *map(width, labels.values())) if labels else _MIN_LABEL
    model_width = round(longest * _LABEL_CHAR) + _BESIDE_LABEL
    drawing = draw(graph, model_width)
    numbers = {name: number for number, name in enumerate(graph.models)}
    describe = _Describe(graph, nearest_shares(shares), labels, int((model_width - 18) / _INFO_CHAR))
    levels = [("s", size_scale(graph).levels), ("d", divergence_scale(shares).levels)]

    def style(name: str) -> Iterator[str]:
        edges = graph.derivations_of(name)
        yield f"r{colours[relation_text(edges[0].relation)]}" if edges else "root"
        yield from (f"{letter}{found[name]}" for letter, found in levels if name in found)
        node = graph.models[name]
        if node.is_external or not node.files:
            yield "external"

    def family(found: DrawnFamily) -> PictureFamily:
        title = labels.get(found.root, "Of unknown origin")
        count = plural(len(found.models), "model") if len(found.models) > 1 else ""
        models = tuple(
            PictureModel(
                numbers[model.name],
                model.x,
                model.y,
                numbers[model.box],
                labels[model.name],
                describe.briefly(model.name),
                describe.fully(model.name),
                " ".join(style(model.name)),
                versions.get(model.name, 0),
                bool(graph.models[model.name].problems),
            )
            for model in found.models
        )
        groups = tuple(
            PictureGroup(numbers[group.box], group.x, group.y, group.width, group.height)
            for group in found.groups
        )
        edges = tuple(
            PictureEdge(
                numbers[edge.parent],
                numbers[edge.child],
                path_data(edge.start, edge.stretches, edge.end),
                _points(edge),
                f"r{colours[relation_text(edge.relation)]}" + ("" if edge.is_certain else " inferred"),
            )
            for edge in found.edges
        )
        return PictureFamily(title, count, found.x, found.y, found.width, found.height, models, groups, edges)

    return Picture(drawing.width, drawing.height, model_width, tuple(map(family, drawing.families)))


def path_data(start: Point, stretches: Sequence[tuple[float, float, float]], end: Point) -> str:
    """The data of an SVG path: straight stretches, and curves between them that leave and arrive level."""
    text, x, y, direction = f"M{start[0]:g} {start[1]:g}", *start, 1
    for begin, finish, height in stretches:
        arrival = 1 if finish >= begin else -1
        text += f"{_curve(x, y, direction, begin, height, arrival)}H{finish:g}"
        x, y, direction = finish, height, arrival
    return text + _curve(x, y, direction, *end, 1)


def _curve(x: float, y: float, direction: int, end_x: float, end_y: float, arrival: int) -> str:
    is_forward = direction == arrival and (end_x - x) * direction > 0
    bow = abs(end_x - x) / 2 if is_forward else _BOW
    return f"C{x + direction * bow:g} {y:g} {end_x - arrival * bow:g} {end_y:g} {end_x:g} {end_y:g}"


def _points(edge: DrawnEdge) -> str:
    points = [edge.start, *edge.stretches, edge.end]
    return " ".join(",".join(f"{number:g}" for number in point) for point in points)


@dataclass(frozen=True, slots=True)
class _Describe:
    """Facts about models in words."""

    graph: Graph
    shares: Mapping[str, float]
    labels: Mapping[str, str]
    room: int

    def briefly(self, name: str) -> str:
        """As many facts as there's room for: the relation is cut, if it's long."""
        facts = list(self._facts(name))
        while len(facts) > 1 and len(" · ".join(facts)) > self.room:
            if len(facts[0]) > self.room // 2:
                facts[0] = cut(facts[0], self.room // 2)
            else:
                facts.pop()
        return cut(" · ".join(facts), self.room)

    def fully(self, name: str) -> str:
        """Name, parents and facts."""
        parents = [name_text(parent) for parent in self.graph.parents(name)]
        made = (
            [f"from {', '.join(parents[:3])}{' and others' if len(parents) > 3 else ''}"] if parents else []
        )
        return ", ".join([name_text(name), *made, *self._facts(name)])

    def _facts(self, name: str) -> Iterator[str]:
        node, edges = self.graph.models[name], self.graph.derivations_of(name)
        if edges:
            yield relation_text(edges[0].relation)
        if name in self.shares:
            yield f"{share_text(self.shares[name])} equal"
        yield _size(node)


def _size(node: ModelNode) -> str:
    if node.is_external:
        return "elsewhere"
    return human_size(node.size) if node.size else "not here" if not node.files else "can't be read"
