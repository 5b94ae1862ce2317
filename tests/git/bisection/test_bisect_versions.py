from __future__ import annotations

import pytest

from git_theta.bisection.search import WrongEndError
from git_theta.errors import UsageError
from git_theta.git.bisection.bisect_versions import BisectEnds, bisect_versions
from tests.helpers.bisecting import (
    ACCURACY,
    EXIT_CODE,
    FAILS,
    PASSES,
    SKIPS,
    runs_of,
    subject_of,
    version,
)
from tests.helpers.histories import History

#: Values of seven versions: the accuracy falls with the fifth.
VALUES = {"v1": 0.8, "v2": 0.82, "v3": 0.85, "v4": 0.86, "v5": 0.7, "v6": 0.72, "v7": 0.71}


@pytest.fixture
def versions(made: History) -> History:
    """Seven versions of a model, `v1` to `v7`."""
    for number in range(1, 8):
        made.commit(f"v{number}", f"v{number - 1}" if number > 1 else "", m__bin={"w": str(number)})
    return made


def passing_until(last: int) -> dict[str, str]:
    return {f"v{number}": PASSES if number <= last else FAILS for number in range(1, 8)}


@pytest.mark.usefixtures("versions")
@pytest.mark.parametrize("last", [1, 3, 6])
def test_the_first_version_that_fails(last: int) -> None:
    with runs_of(passing_until(last)) as (runs, _):
        found = bisect_versions(runs, BisectEnds(version("v7"), version("v1")))
        assert subject_of(found.bad) == f"v{last + 1}"
        assert (found.suspects, found.has_good, found.count) == ({found.bad}, True, 6)
    with runs_of(passing_until(last)) as (runs, runner):
        assert subject_of(bisect_versions(runs, BisectEnds(version("v7"))).bad) == f"v{last + 1}"
        assert len(runner.asked) == len(set(runner.asked)) <= 4


@pytest.mark.usefixtures("versions")
def test_a_drop_from_the_good_version() -> None:
    with runs_of(VALUES, ACCURACY) as (runs, _):
        found = bisect_versions(runs, BisectEnds(version("v7"), version("v1")))
        assert subject_of(found.bad) == "v5"
        assert str(runs.criterion) == "fails, or is worse than 0.8 by more than 0.05"


@pytest.mark.usefixtures("versions")
def test_without_a_good_version_those_are_good_that_the_bad_one_is_a_drop_from() -> None:
    with runs_of(VALUES, ACCURACY) as (runs, _):
        assert subject_of(bisect_versions(runs, BisectEnds(version("v7"))).bad) == "v5"
    # An early model isn't better than the bad one, and neither are all of its followers.
    early = {"v1": 0.1, "v2": 0.2, "v3": 0.3, "v4": 0.85, "v5": 0.86, "v6": 0.7, "v7": 0.71}
    with runs_of(early, ACCURACY) as (runs, _):
        assert subject_of(bisect_versions(runs, BisectEnds(version("v7"))).bad) == "v6"


@pytest.mark.usefixtures("versions")
def test_a_threshold() -> None:
    with runs_of(VALUES, ACCURACY) as (runs, _):
        assert subject_of(bisect_versions(runs, BisectEnds(version("v7"), threshold=0.715)).bad) == "v5"
    with (
        runs_of(passing_until(3), EXIT_CODE) as (runs, _),
        pytest.raises(UsageError, match="has no metric"),
    ):
        bisect_versions(runs, BisectEnds(version("v7"), threshold=0.5))


@pytest.mark.usefixtures("versions")
def test_ends_that_are_not_what_they_are_said_to_be() -> None:
    with (
        runs_of(passing_until(7)) as (runs, runner),
        pytest.raises(WrongEndError, match="passes the test"),
    ):
        bisect_versions(runs, BisectEnds(version("v7")))
    assert runner.asked == ["v7"]
    with runs_of(passing_until(0)) as (runs, _), pytest.raises(WrongEndError, match="fails the test: exit"):
        bisect_versions(runs, BisectEnds(version("v7"), version("v2")))
    mended = {f"v{number}": FAILS if number < 4 else PASSES for number in range(1, 8)}
    with runs_of(mended) as (runs, _), pytest.raises(WrongEndError, match=r"passes, and m\.bin in .* fails"):
        bisect_versions(runs, BisectEnds(version("v7"), version("v1")))
    with runs_of({}) as (runs, _), pytest.raises(UsageError, match="good version comes after the bad one"):
        bisect_versions(runs, BisectEnds(version("v1"), version("v7")))
    with runs_of({}) as (runs, _), pytest.raises(UsageError, match="is the same in the good and in the bad"):
        bisect_versions(runs, BisectEnds(version("v7"), version("v7")))


@pytest.mark.usefixtures("versions")
def test_versions_that_cannot_be_tested() -> None:
    results = passing_until(3) | {"v3": SKIPS, "v4": SKIPS}
    with runs_of(results) as (runs, _):
        found = bisect_versions(runs, BisectEnds(version("v7")))
        assert {subject_of(each) for each in found.suspects} == {"v3", "v4", "v5"}
    results["v7"] = SKIPS
    with runs_of(results) as (runs, _), pytest.raises(WrongEndError, match="can't be tested"):
        bisect_versions(runs, BisectEnds(version("v7")))


@pytest.mark.usefixtures("versions")
def test_runs_that_disagree() -> None:
    flaky = {**passing_until(3), "v4": [FAILS, PASSES, FAILS], "v3": [PASSES, PASSES, FAILS]}
    with runs_of(flaky, repeat=3) as (runs, _):
        assert subject_of(bisect_versions(runs, BisectEnds(version("v7"))).bad) == "v4"
        disagreeing = {subject_of(each) for each in runs.tested if runs.tested[each].is_flaky(runs.criterion)}
        assert disagreeing == {"v3", "v4"}
        assert runs.runs == 3 * len(runs.tested)


def test_a_version_that_is_damaged_is_not_tested(made: History) -> None:
    made.commit("v1", m__bin={"w": "1"})
    made.commit("v2", "v1", m__bin=b"a text")
    made.commit("v3", "v2", m__bin={"w": "3"})
    with runs_of({"v1": PASSES, "v3": FAILS}) as (runs, _):
        found = bisect_versions(runs, BisectEnds(version("v3"), version("v1")))
        assert {subject_of(each) for each in found.suspects} == {"v2", "v3"}
        assert [each.reason for each in runs.tested.values() if not each.results] == [
            "m.bin: in Git as a whole file"
        ]


def test_both_lines_of_a_merge(made: History) -> None:
    made.commit("a", m__bin={"v": "1", "w": "1"})
    made.commit("b", "a", m__bin={"v": "2", "w": "1"})
    made.commit("c", "a", m__bin={"v": "1", "w": "2"})
    made.commit("d", "c", m__bin={"v": "1", "w": "3"})
    made.commit("m", "b d", m__bin={"v": "2", "w": "3"})
    with runs_of({"a": PASSES, "b": PASSES, "c": PASSES, "d": FAILS, "m": FAILS}) as (runs, _):
        assert subject_of(bisect_versions(runs, BisectEnds(version("m"), version("a"))).bad) == "d"
    with runs_of({"a": PASSES, "b": PASSES, "c": PASSES, "d": PASSES, "m": FAILS}) as (runs, _):
        assert subject_of(bisect_versions(runs, BisectEnds(version("m"))).bad) == "m"


def test_a_good_version_on_another_branch(made: History, capfd: pytest.CaptureFixture[str]) -> None:
    made.commit("a", m__bin={"w": "1"})
    made.commit("side", "a", m__bin={"w": "2"})
    made.commit("b", "a", m__bin={"w": "3"})
    made.commit("c", "b", m__bin={"w": "4"})
    with runs_of({"a": PASSES, "b": FAILS, "c": FAILS}) as (runs, _):
        assert subject_of(bisect_versions(runs, BisectEnds(version("c"), version("side"))).bad) == "b"
    assert "is on another branch" in capfd.readouterr().err
    made.commit("alone", m__bin={"w": "5"})
    with runs_of({}) as (runs, _), pytest.raises(UsageError, match="no commit in common"):
        bisect_versions(runs, BisectEnds(version("c"), version("alone")))


def test_a_model_that_had_another_name(made: History) -> None:
    made.commit("a", old__bin={"v": "1", "w": "1"})
    made.commit("b", "a", old__bin={"v": "2", "w": "1"})
    made.commit("c", "b", m__bin={"v": "2", "w": "1"})
    made.commit("d", "c", m__bin={"v": "3", "w": "1"})
    with runs_of({"a": PASSES, "b": FAILS, "c": FAILS, "d": FAILS}) as (runs, _):
        found = bisect_versions(runs, BisectEnds(version("d"), version("a")))
        assert (subject_of(found.bad), found.bad.name) == ("b", "old.bin")


def test_a_good_version_without_the_model(made: History) -> None:
    made.commit("a", note=b"x")
    made.commit("b", "a", m__bin={"w": "2"})
    with runs_of({}) as (runs, _), pytest.raises(UsageError, match=r"there's no m\.bin in"):
        bisect_versions(runs, BisectEnds(version("b"), version("a")))


def test_a_file_beside_the_model_broke_it(made: History) -> None:
    files: dict[str, dict[str, str] | bytes] = {"m.bin": {"w": "1"}, "config.json": b"{}"}
    made.commit("a", **files)
    made.commit("b", "a", **files | {"config.json": b"{ }"})
    with (
        runs_of({"a": PASSES, "b": FAILS}) as (runs, _),
        pytest.raises(WrongEndError, match=r"files beside it have changed since, config\.json"),
    ):
        bisect_versions(runs, BisectEnds(version("b")))
    with runs_of({}) as (runs, _), pytest.raises(UsageError, match=r"is the same .* changed: config\.json"):
        bisect_versions(runs, BisectEnds(version("b"), version("a")))


@pytest.mark.usefixtures("versions")
def test_no_version_is_better_than_the_bad_one() -> None:
    growing = {f"v{number}": 0.1 * number for number in range(1, 8)}
    with (
        runs_of(growing, ACCURACY) as (runs, _),
        pytest.raises(WrongEndError, match="no version of"),
    ):
        bisect_versions(runs, BisectEnds(version("v7")))
