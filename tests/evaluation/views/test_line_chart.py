"""Values as a line in SVG."""

from __future__ import annotations

from xml.etree import ElementTree

from git_theta.evaluation.views.line_chart import HEIGHT, WIDTH, ChartPoint, line_chart


def chart(*values: float | None, note: str = "note") -> ElementTree.Element:
    text = line_chart("a <title>", [ChartPoint(value, note) for value in values])
    return ElementTree.fromstring(text)


def test_a_gap_divides_the_line() -> None:
    found = chart(1, 2, None, 3)
    assert [len(line.attrib["points"].split()) for line in found.iter("polyline")] == [2, 1]
    dots = [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in found.iter("circle")]
    assert [x for x, _ in dots] == sorted(x for x, _ in dots)
    assert [y for _, y in dots] == sorted((y for _, y in dots), reverse=True)
    assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in dots)
    assert [text.text for text in found.iter("text")] == ["1", "3"]


def test_values_that_are_equal_missing_or_huge() -> None:
    assert len([*chart(2, 2).iter("text")]) == 1
    assert [*chart(None).iter("circle")] == [*chart().iter("circle")] == []
    assert all(0 < float(dot.attrib["cy"]) < HEIGHT for dot in chart(-1.7e308, 1.7e308).iter("circle"))


def test_notes_are_text() -> None:
    found = chart(1, note="<b>&\x1b</b>")
    assert [title.text for title in found.iter("title")] == ["a <title>", "<b>&%1B</b>"]
