"""Results as JUnit XML."""

from __future__ import annotations

from xml.etree import ElementTree

from git_theta.evaluation.views.junit import results_junit
from tests.helpers.compared_results import RESULTS


def test_a_suite_with_a_case_for_each_result() -> None:
    root = ElementTree.fromstring(results_junit(RESULTS))
    assert (root.tag, root.attrib["tests"], root.attrib["failures"], root.attrib["skipped"]) == (
        "testsuites",
        "4",
        "2",
        "1",
    )
    good, worse, _, skipped = root.iter("testcase")
    assert good.attrib == {"classname": "a.pt", "name": "acc", "time": "1.500"}
    assert good.find("properties/property").attrib == {"name": "value", "value": "0.9"}  # type: ignore[union-attr]
    assert worse.attrib == {"classname": "a.pt", "name": "acc@main", "time": "0.000"}
    assert worse.find("failure").attrib["type"] == "worse"  # type: ignore[union-attr]
    assert skipped.find("skipped") is not None


def test_names_and_output_are_a_strangers() -> None:
    failed = [*ElementTree.fromstring(results_junit(RESULTS)).iter("testcase")][2]
    assert "<script>" in failed.attrib["classname"]
    text = failed.findtext("failure") or ""
    assert "\x1b" not in text
    assert "# title" in text
