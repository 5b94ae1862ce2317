"""Entry points of installed packages, whatever state their metadata are in."""

from __future__ import annotations

from pathlib import Path

import pytest

from git_theta.entry_points import Origin, installed_entry_points, origin_of
from tests.helpers.plugins import write_metadata

GROUP = "git_theta.tests"


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of `sys.path`."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def found() -> dict[str, list[str]]:
    """Names, and the packages that offer each."""
    points = installed_entry_points(GROUP)
    return {name: [str(origin_of(point)) for point in some] for name, some in points.items()}


def test_entry_points_of_a_group_are_sorted(packages: Path) -> None:
    write_metadata(
        packages, "power-tools", "2.1", {f"{GROUP}:saw": "tools:Saw", f"{GROUP}:drill": "tools:Drill"}
    )
    write_metadata(packages, "hand-tools", "1.0", {f"{GROUP}:saw": "hand:Saw", "other:drill": "hand:Drill"})
    assert found() == {"drill": ["power-tools 2.1"], "saw": ["hand-tools 1.0", "power-tools 2.1"]}
    (drill,) = installed_entry_points(GROUP)["drill"]
    assert drill.value == "tools:Drill"
    assert origin_of(drill) == Origin("power-tools", "2.1", builtin=False)


def test_no_package_offers_anything() -> None:
    assert found() == {}


def test_malformed_metadata_of_a_package_hide_that_package_alone(packages: Path) -> None:
    write_metadata(packages, "power-tools", "2.1", {f"{GROUP}:drill": "tools:Drill"})
    write_metadata(packages, "damaged", "1.0", {})
    (packages / "damaged-1.0.dist-info" / "entry_points.txt").write_text(f"[{GROUP}]\nnot an entry\n")
    assert found() == {"drill": ["power-tools 2.1"]}


def test_a_package_without_a_name_offers_its_entry_points(packages: Path) -> None:
    write_metadata(packages, "power-tools", "2.1", {f"{GROUP}:drill": "tools:Drill"})
    (packages / "power_tools-2.1.dist-info" / "METADATA").unlink()
    assert list(found()) == ["drill"]


def test_a_package_on_two_folders_of_the_path_counts_once(
    packages: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_metadata(packages, "power-tools", "2.1", {f"{GROUP}:drill": "tools:Drill"})
    other = tmp_path_factory.mktemp("other")
    write_metadata(other, "power-tools", "2.1", {f"{GROUP}:drill": "tools:Drill"})
    monkeypatch.syspath_prepend(other)
    assert found() == {"drill": ["power-tools 2.1"]}
