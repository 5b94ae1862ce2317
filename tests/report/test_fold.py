from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from git_theta.report.fold import fold, natural


def folded(*names: str) -> list[str]:
    return [group.names[0] for group in fold(((name,), None, name) for name in names)]


def test_layers_are_folded() -> None:
    names = [f"encoder.layer.{i}.{part}" for i in range(12) for part in ("bias", "weight")]
    assert folded(*names) == ["encoder.layer.{0-11}.bias", "encoder.layer.{0-11}.weight"]


def test_all_combinations_of_two_numbers_fold() -> None:
    names = [f"layers/{i}/experts/{j}/w" for i in (0, 1, 5) for j in range(3)]
    assert folded(*names) == ["layers/{0-1,5}/experts/{0-2}/w"]
    assert folded(*names[:-1]) == ["layers/{0-1}/experts/{0-2}/w", "layers/5/experts/{0-1}/w"]


def test_long_lists_of_numbers_are_cut() -> None:
    assert folded(*(f"state/{i}/step" for i in range(0, 16, 2))) == ["state/{0,2,4,6,8,10,12,14}/step"]
    assert folded(*(f"state/{i}/step" for i in range(0, 18, 2))) == ["state/{0,2,…,16}/step"]


def test_only_whole_parts_are_numbers() -> None:
    assert folded("conv1.w", "conv2.w", "a.01", "a.02", "0", "1") == [
        "{0-1}",
        "a.01",
        "a.02",
        "conv1.w",
        "conv2.w",
    ]
    assert folded(*(f"a.{'9' * 5000}.{i}" for i in range(2))) == [f"a.{'9' * 5000}.{{0-1}}"]


def test_numbers_sort_by_size() -> None:
    assert sorted(["b.10.x", "b.9.x", "b.w", "a"], key=natural) == ["a", "b.9.x", "b.10.x", "b.w"]


def test_items_of_other_keys_arent_folded() -> None:
    groups = fold([(("a.0",), "F32", 0), (("a.1",), "F32", 1), (("a.2",), "F16", 2)])
    assert [(group.names, group.items) for group in groups] == [(("a.{0-1}",), (0, 1)), (("a.2",), (2,))]


def test_two_names_fold_if_they_have_the_same_numbers() -> None:
    groups = fold(((f"h.{i}.w", f"model/h/{i}/w"), None, i) for i in range(3))
    assert [group.names for group in groups] == [("h.{0-2}.w", "model/h/{0-2}/w")]
    shifted = fold(((f"h.{i}", f"h.{i + 1}"), None, i) for i in range(2))
    assert [group.names for group in shifted] == [("h.0", "h.1"), ("h.1", "h.2")]


def test_a_name_of_very_many_numbers_is_folded_in_time_that_grows_with_them() -> None:
    many = "/".join(["0"] * 100_000)
    assert folded(f"{many}/1", f"{many}/2") == [f"{many}/{{1-2}}"]


def test_names_that_differ_in_very_many_numbers_arent_folded() -> None:
    names = ["/".join([digit] * 100_000) for digit in "12"]
    assert folded(*names) == names


@given(st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1))
def test_nothing_is_lost_or_invented(points: set[tuple[int, int]]) -> None:
    groups = fold(((f"a.{i}.b.{j}",), None, (i, j)) for i, j in points)
    assert sorted(item for group in groups for item in group.items) == sorted(points)


@given(st.sets(st.text(alphabet="ab01./", max_size=8), max_size=12))
def test_any_names_can_be_folded(names: set[str]) -> None:
    groups = fold(((name,), None, name) for name in names)
    assert sorted(item for group in groups for item in group.items) == sorted(names)
    assert all("{" in group.names[0] or group.items == group.names for group in groups)
