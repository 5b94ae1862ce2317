"""Results as JUnit XML, which systems of continuous integration show."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from git_theta.evaluation.comparison import FAILED, SKIPPED, WORSE, ComparedResult
from git_theta.runtime.output import visible


def results_junit(results: Sequence[ComparedResult]) -> bytes:
    """An XML document with one suite: a case for each result, of the class of its model."""
    states = [each.state for each in results]
    totals = {
        "name": "git-theta",
        "tests": str(len(results)),
        "failures": str(states.count(WORSE) + states.count(FAILED)),
        "skipped": str(states.count(SKIPPED)),
        "time": _seconds(sum(each.result.seconds for each in results if not each.result.is_cached)),
    }
    root = ElementTree.Element("testsuites", totals)
    suite = ElementTree.SubElement(root, "testsuite", totals)
    for each in results:
        _add_case(suite, each)
    ElementTree.indent(root)
    data: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def _add_case(suite: ElementTree.Element, each: ComparedResult) -> None:
    found = each.result
    name = f"{found.test}@{found.rev}" if found.rev else found.test
    time = _seconds(0.0 if found.is_cached else found.seconds)
    case = ElementTree.SubElement(
        suite, "testcase", {"classname": visible(found.model), "name": visible(name), "time": time}
    )
    if found.value is not None:
        properties = ElementTree.SubElement(case, "properties")
        ElementTree.SubElement(properties, "property", {"name": "value", "value": repr(found.value)})
    if each.state == SKIPPED:
        ElementTree.SubElement(case, "skipped", {"message": visible(each.reason)})
    elif not each.is_good:
        attributes = {"type": each.state, "message": visible(each.reason)}
        failure = ElementTree.SubElement(case, "failure", attributes)
        failure.text = "\n".join(map(visible, found.output.split("\n")))


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"
