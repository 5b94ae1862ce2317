from __future__ import annotations

from collections.abc import Mapping

import pytest

from git_theta.errors import UsageError
from git_theta.merging.row_choice import RowChoices, choose_rows
from git_theta.merging.rules import MergeRule, MergeRules
from git_theta.merging.settings_versions import ReadSettings, SettingsVersions, no_settings
from git_theta.model.manifest import Manifest
from tests.helpers.small_manifests import manifest


def model(count: int, text: str, name: str = "lm_head.weight", width: int = 2) -> Manifest:
    return manifest(**{name: (text, "F32", (count, width)), "norm": text})


def ids(letters: str) -> dict[str, int]:
    return {letter: number for number, letter in enumerate(letters)}


def tokens(base: str, *sides: str, result: str | None = None) -> ReadSettings:
    made = SettingsVersions(ids(base), tuple(map(ids, sides)), None if result is None else ids(result))
    return lambda _name: made


def not_read(_name: str) -> SettingsVersions:
    raise AssertionError("tokenizers are read without need")


def chosen(
    base: Manifest | None, *sides: Manifest, rows: str = "", settings: ReadSettings = no_settings
) -> RowChoices:
    rules = MergeRules((MergeRule("", rows=rows),) if rows else ())
    return choose_rows(base, sides, rules, settings)


def test_equality_decides_without_tokens() -> None:
    base, other = model(3, "a"), model(4, "b")
    for sides in ((base, other), (other, base), (other, other)):
        assert chosen(base, *sides, settings=not_read) == RowChoices()


def test_other_parameters_need_no_tokens() -> None:
    sides = [model(3, text, "w") for text in "bc"]
    assert chosen(model(3, "a", "w"), *sides, settings=not_read) == RowChoices()
    assert chosen(None, model(3, "a", width=2), model(3, "b", width=4), settings=not_read) == RowChoices()


def test_rows_by_their_order() -> None:
    found = chosen(model(3, "a"), model(5, "b"), model(3, "c"))
    assert {name: each.order for name, each in found.orders.items()} == {"lm_head.weight": range(5)}
    assert "lm_head.weight has other rows on some side: merged by their order, to 5 rows" in found.notes[0]
    assert chosen(model(3, "a"), model(3, "b"), model(3, "c")) == RowChoices()


def test_unclear_rows_have_a_reason() -> None:
    for name, said in (
        ("lm_head.weight", "no tokenizer.json tells them apart"),
        ("w", "by their order, choose"),
    ):
        found = chosen(model(3, "a", name), model(4, "b", name), model(5, "c", name))
        assert said in found.unclear[name]
        assert not found.orders
        assert chosen(model(3, "a", name), model(4, "b", name), model(5, "c", name), rows="ours").orders


def test_rows_by_tokens() -> None:
    versions = model(3, "a"), model(4, "b"), model(4, "c")
    found = chosen(*versions, settings=tokens("abc", "abcx", "yabc", result="abcxy"))
    assert found.orders["lm_head.weight"].order == list("abcxy")
    assert found.orders["lm_head.weight"].versions == (list("abc"), list("abcx"), list("yabc"))
    assert len(found.notes) == 1
    found = chosen(*versions, settings=tokens("abc", "abcx", "yabc"), rows="union")
    assert found.orders["lm_head.weight"].order == list("abcxy")
    assert found.notes[1].startswith(
        "the result needs a tokenizer.json of its own, with the tokens of its rows"
    )
    found = chosen(*versions, settings=tokens("abc", "abcx", "yabc"), rows="ours")
    assert found.notes[1].startswith("the result needs the tokenizer.json of ours,")
    assert (
        "settle tokenizer.json"
        in chosen(*versions, settings=tokens("abc", "abcx", "yabc")).unclear["lm_head.weight"]
    )


@pytest.mark.parametrize("sides", [("abcde", "abc"), ("abcd", "")], ids=["too many", "none"])
def test_tokenizers_that_do_not_fit_are_left_alone(sides: tuple[str, str]) -> None:
    found = chosen(model(3, "a"), model(4, "b"), model(3, "c"), settings=tokens("abc", *sides, result="abc"))
    assert found.orders["lm_head.weight"].order == range(4)


def test_a_tokenizer_that_cannot_be_read_leaves_rows_unclear() -> None:
    def settings(_name: str) -> SettingsVersions:
        raise UsageError("tokenizer.json is odd")

    found = chosen(model(3, "a"), model(4, "b"), model(3, "c"), settings=settings)
    assert found.unclear["lm_head.weight"].startswith("tokenizer.json is odd; --rows common, union or ours")
    found = chosen(model(3, "a"), model(4, "b"), model(3, "c"), settings=settings, rows="union")
    assert found.orders["lm_head.weight"].order == list(range(4))


def test_equal_tokens_leave_only_padding() -> None:
    alike: Mapping[str, SettingsVersions] = {"tokenizer.json": SettingsVersions(alike=True)}
    found = chosen(model(3, "a"), model(64, "b"), model(128, "c"), settings=alike.__getitem__)
    assert found.orders["lm_head.weight"].order == range(128)


def test_moments_have_the_rows_of_their_weights() -> None:
    def version(count: int, text: str) -> Manifest:
        shape = count, 2
        return manifest(
            **{"lm_head.weight": (text, "F32", shape), "state/0/exp_avg": (f"m{text}", "F32", shape)}
        )

    found = chosen(version(3, "a"), version(5, "b"), version(3, "c"))
    assert found.orders.keys() == {"lm_head.weight", "state/0/exp_avg"}
