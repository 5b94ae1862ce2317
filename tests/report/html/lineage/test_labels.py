"""Short names of models."""

from __future__ import annotations

from git_theta.report.html.lineage.labels import MAX_LABEL, cut, short_names, width


def test_a_name_that_many_models_have_is_left_out() -> None:
    assert short_names(["base/model.pt", "sst2/model.pt"]) == {
        "base/model.pt": "base",
        "sst2/model.pt": "sst2",
    }
    assert short_names(["a/one.pt", "b/two.pt"]) == {"a/one.pt": "a/one.pt", "b/two.pt": "b/two.pt"}
    # Two models of one folder need their names.
    names = short_names(["a/model.pt", "a/other.pt", "b/model.pt"])
    assert list(names.values()) == ["a/model.pt", "a/other.pt", "b"]


def test_folders_that_all_have_are_left_out() -> None:
    assert list(short_names(["models/a.pt", "models/x/b.pt"]).values()) == ["a.pt", "x/b.pt"]
    assert list(short_names(["models/a.pt"]).values()) == ["models/a.pt"]
    assert list(short_names(["models/a.pt", "models/b.pt"], ["hf:org/name"]).values()) == [
        "a.pt",
        "b.pt",
        "hf:org/name",
    ]


def test_long_names_are_cut_in_the_middle() -> None:
    (label,) = short_names(["x" * 50 + "end"]).values()
    assert len(label) == MAX_LABEL
    assert label.endswith("xend")
    assert "…" in label


def test_wide_characters_take_two_cells() -> None:
    assert width("模型a") == 5
    assert width(cut("模型" * 20, 11)) <= 11


def test_invisible_characters_are_shown() -> None:
    (label,) = short_names(["a\u202eb\x1b"]).values()
    assert label.isprintable()
    assert "\u202e" not in label
