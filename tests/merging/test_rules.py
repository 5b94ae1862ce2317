from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import UsageError
from git_theta.merging.rule_text import parse_lines, parse_rule, parse_toml
from git_theta.merging.rules import DEFAULT, MergeRule, MergeRules

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1)
keys = st.from_regex(r"[a-z][a-z-]*", fullmatch=True).filter(lambda key: key not in ("parameters", "path"))
globs = st.just(("*",)) | st.lists(words, min_size=1, max_size=3).map(tuple)
rules = st.builds(
    MergeRule,
    st.from_regex(r"[a-z][a-z-]*", fullmatch=True),
    st.dictionaries(keys, words, max_size=3).map(lambda each: tuple(sorted(each.items()))),
    globs,
    globs,
)


@given(rules)
def test_a_rule_is_read_as_it_is_written(rule: MergeRule) -> None:
    assert parse_rule(str(rule)) == rule


def test_rules_are_separated_by_semicolons_and_lines() -> None:
    found = parse_lines(" ours ;\n; ties density=0.3 'parameters=a b' path=x/*\n")
    assert found == (MergeRule("ours"), MergeRule("ties", (("density", "0.3"),), ("a b",), ("x/*",)))
    assert parse_lines("") == ()


@pytest.mark.parametrize("text", ["", "  ", "ties density", "ties =1", "ties density=", "ties 'open"])
def test_invalid_rules(text: str) -> None:
    with pytest.raises(UsageError, match="isn't"):
        parse_rule(text)


@pytest.mark.parametrize(
    ("glob", "path", "matches"),
    [
        ("*", "a/b.pt", True),
        ("*.pt", "a/b.pt", True),
        ("b.pt", "a/b.pt", True),
        ("a/*.pt", "a/b.pt", True),
        ("a/*.pt", "x/a/b.pt", False),
        ("/b.pt", "b.pt", True),
        ("/b.pt", "a/b.pt", False),
        ("B.pt", "b.pt", False),
    ],
)
def test_globs_of_paths(glob: str, path: str, matches: bool) -> None:
    assert MergeRule("ours", paths=("nonesuch", glob)).is_for_path(path) is matches


def test_globs_of_parameters() -> None:
    rule = MergeRule("ours", parameters=("encoder.*", "[xy]"))
    assert [rule.is_for(name) for name in ("encoder.0/w", "x", "z", "Encoder.0")] == [
        True,
        True,
        False,
        False,
    ]


def test_the_last_that_matches_counts_then_the_others() -> None:
    first, second, third = (
        MergeRule("ours"),
        MergeRule("ties", parameters=("a*",)),
        MergeRule("slerp", parameters=("ab",)),
    )
    assert list(MergeRules((first, second, third)).to_try("ab")) == [third]
    assert list(MergeRules((first, second, third)).to_try("a")) == [second]
    assert list(MergeRules((second,)).to_try("b")) == [DEFAULT]
    assert list(MergeRules((second,), (first, third)).to_try("ab")) == [second, third, first]
    there = MergeRules((MergeRule("ours", paths=("x.pt",)), first), (MergeRule("ties", paths=("y.pt",)),))
    assert there.of_path("x.pt") == MergeRules(there.rules)
    assert there.of_path("y.pt") == MergeRules((first,), there.fallback)


def test_lists_with_an_element_for_each_side_are_cut_to_some_sides() -> None:
    rule = MergeRule("linear", (("density", "0.5"), ("files", "a,b,c"), ("weights", "1,2,3")))
    cut = MergeRule("linear", (("density", "0.5"), ("files", "a,c"), ("weights", "1,3")))
    assert rule.of_sides([0, 2], 3) == cut
    assert rule.of_sides([0, 1], 2) == rule
    assert MergeRules((rule,), (rule,)).of_sides([0, 2], 3) == MergeRules((cut,), (cut,))


def test_tables_of_a_toml_file() -> None:
    found = parse_toml(
        b"""
        other = 1
        [[merge]]
        strategy = "ties"
        parameters = ["*.weight", "*.bias"]
        path = "big.pt"
        [merge.options]
        weights = [0.3, 1]
        density = 0.25
        normalize = false
        seed = 3
        [[merge]]
        strategy = "ours"
        """,
        "file",
    )
    options = (("density", "0.25"), ("normalize", "false"), ("seed", "3"), ("weights", "0.3,1"))
    assert found == (MergeRule("ties", options, ("*.weight", "*.bias"), ("big.pt",)), MergeRule("ours"))
    assert parse_toml(b"", "file") == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"\xff", "isn't valid TOML"),
        (b"merge = 1", "[[merge]] tables"),
        (b"merge = [1]", "[[merge]] tables"),
        (b"[[merge]]\nstrategy = 'ours'\nparam = 'x'", "unknown key 'param'"),
        (b"[[merge]]\n", "rule 1 needs a strategy"),
        (b"[[merge]]\nstrategy = 'ours'\noptions = 1", "options as a table"),
        (b"[[merge]]\nstrategy = 'ours'\npath = []", "path: a glob"),
        (b"[[merge]]\nstrategy = 'ours'\nparameters = [1]", "parameters: a glob"),
        (b"[[merge]]\nstrategy = 'ours'\noptions = {t = nan}", "option t: a number"),
        (b"[[merge]]\nstrategy = 'ours'\noptions = {t = {}}", "option t: a number"),
    ],
)
def test_invalid_tables(text: bytes, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_toml(text, "file")
    assert caught.value.message.startswith("file")
    assert said in caught.value.message


@pytest.mark.parametrize(
    "rule",
    [
        MergeRule("linear", when="pick", all_parameters=True),
        MergeRule("ours", (), ("a b",), ("x",), "always"),
    ],
)
def test_purpose_and_reach_are_part_of_the_text(rule: MergeRule) -> None:
    assert parse_rule(str(rule)) == rule


def test_a_rule_for_all_parameters_holds_where_it_is_the_last() -> None:
    everywhere = MergeRule("linear", all_parameters=True)
    rules = MergeRules((everywhere, MergeRule("ours", parameters=("a",))))
    assert (rules.for_all("a"), rules.for_all("b")) == (None, everywhere)
    assert MergeRules().for_all("a") is None


def test_a_name_may_be_given_as_it_is_or_by_a_glob() -> None:
    rule = MergeRule("ties", parameters=("a.b", "x[*]", "c.*", "d?"))
    assert [name for name in ("a.b", "a", "x*", "xy", "c.d/e\n", "d1", "dd1", "") if rule.is_for(name)] == [
        "a.b",
        "x*",
        "c.d/e\n",
        "d1",
    ]
    assert not MergeRule("ties", parameters=("a",)).is_for("b")


def test_a_tracked_file_has_a_bound_on_wildcards() -> None:
    text = '[[merge]]\nstrategy = "ties"\nparameters = ["{}"]\n'
    assert parse_toml(text.format("*a" * 1999).encode(), "file")[0].parameters == ("*a" * 1999,)
    with pytest.raises(UsageError, match="file: the globs have 2001 wildcards, more than 2000"):
        parse_toml(text.format("*a" * 2000).encode(), "file")
