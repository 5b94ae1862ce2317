"""Merges of models that aren't alike: other names, dtypes and vocabularies, tied and untied weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load

import git_theta
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

NAME = "m.safetensors"

Weights = dict[str, NDArray[Any]]


def tensors(value: float, layers: str = "layers") -> Weights:
    """Two tensors, all elements of which have a value."""
    return {f"{layers}.{i}.w": np.full((12, 8), value + i, "f4") for i in range(2)}


def commit(repo: Repo, branch: str, weights: Weights, **files: bytes) -> None:
    """A model on a branch; on top of main if that isn't the branch."""
    if branch != "main":
        repo.git("checkout", "-q", "-B", branch, "main")
    repo.write(NAME, safetensors_bytes(weights))
    repo.write(f"{branch}.txt", b"so that there's a commit if the model is as before")
    for name, data in files.items():
        repo.write(name.replace("__", "."), data)
    repo.commit(branch)


def fork(repo: Repo, base: Weights, ours: Weights, theirs: Weights) -> Repo:
    """A repository with main at a base, and two branches from there; ours is checked out."""
    repo.theta("track", "*.safetensors")
    for branch, weights in (("main", base), ("theirs", theirs), ("ours", ours)):
        commit(repo, branch, weights)
    return repo


@pytest.fixture
def renamed(repo: Repo) -> Repo:
    """Theirs has other names, and all values were trained."""
    return fork(repo, tensors(0), tensors(1), tensors(4, "blocks"))


RENAME = "--rename", "blocks.*=layers.*"


def found(repo: Repo) -> Weights:
    assert repo.git("status", "--porcelain") == ""
    return dict(load(repo.read(NAME)))


def same(one: Mapping[str, NDArray[Any]], other: Mapping[str, NDArray[Any]]) -> None:
    assert one.keys() == other.keys()
    for name, value in other.items():
        np.testing.assert_array_equal(one[name], value, err_msg=name)


def test_a_merge_with_other_names(renamed: Repo) -> None:
    said = renamed.theta("merge", "--no-edit", *RENAME, "theirs")
    assert "names of theirs that --rename replaced: 2" in said
    same(found(renamed), tensors(2.5))


def by_resolve(repo: Repo) -> None:
    said = repo.git("merge", "theirs", ok=False)
    assert "if blocks.* of theirs is layers.* of ours: --rename 'blocks.*=layers.*'" in said
    repo.theta("resolve", NAME, *RENAME)
    repo.git("commit", "-q", "--no-edit")


def by_rebase(repo: Repo) -> None:
    repo.git("rebase", "theirs", ok=False)
    repo.theta("resolve", NAME, "--rename", "layers.*=blocks.*")
    repo.git("-c", "core.editor=true", "rebase", "--continue")


def by_rule(repo: Repo) -> None:
    repo.git("config", "theta.mergeRule", "rename=blocks.*=layers.*")
    repo.git("merge", "-q", "--no-edit", "theirs")


def by_attribute(repo: Repo) -> None:
    lines = repo.read(".gitattributes").decode()
    text = lines.replace("merge=theta", "merge=theta theta-merge=average,rename=blocks.*=layers.*")
    repo.write(".gitattributes", text.encode())
    repo.commit("attributes")
    repo.git("merge", "-q", "--no-edit", "theirs")


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        (by_resolve, tensors(2.5)),
        (by_rebase, tensors(5, "blocks")),
        (by_rule, tensors(2.5)),
        (by_attribute, tensors(2.5)),
    ],
)
def test_other_ways_with_other_names(renamed: Repo, way: Callable[[Repo], None], expected: Weights) -> None:
    way(renamed)
    same(found(renamed), expected)


def test_combine_and_python_take_the_names_of_the_first(renamed: Repo, tmp_path: Path) -> None:
    models = f"ours:{NAME}", f"theirs:{NAME}"
    renamed.theta("combine", "-s", "average", *RENAME, *models, "-o", "out")
    same(load(renamed.read("out")), tensors(2.5))
    values = git_theta.merge(renamed.path / NAME, ["ours", "theirs"], rename=RENAME[1])
    same(dict(values), tensors(2.5))


@pytest.mark.parametrize(
    ("rename", "said"),
    [
        ("blcks.*=layers.*", "no parameter is called blcks.*"),
        ("blocks.*=lairs.*", "no model has lairs.0.w"),
        ("blocks.*=layers", "doesn't say which parameters are renamed"),
    ],
)
def test_a_rename_of_no_use_changes_nothing(renamed: Repo, rename: str, said: str) -> None:
    head = renamed.git("rev-parse", "HEAD")
    for words in (
        ("merge", "--no-edit", "--rename", rename, "theirs"),
        ("combine", "-s", "average", "--rename", rename, f"ours:{NAME}", f"theirs:{NAME}", "-o", "out"),
    ):
        assert said in renamed.theta(*words, ok=False)
    assert renamed.git("rev-parse", "HEAD") == head
    assert renamed.git("status", "--porcelain") == ""


def halves(weights: Weights) -> Weights:
    return {name: value.astype("f2") for name, value in weights.items()}


#: A model of which one side trains the first tensor, and the other one the second.
FIRST, SECOND = "layers.0.w", "layers.1.w"
START: Weights = {**tensors(1), "norm": np.ones(4, "f4")}
TRAINED: Weights = {**START, FIRST: START[FIRST] + 1 / 3, SECOND: START[SECOND] + 4}


@pytest.fixture
def mixed(repo: Repo) -> Repo:
    """Ours has trained the first tensor in float32, theirs the second one in float16."""
    theirs = halves({**START, SECOND: TRAINED[SECOND]})
    return fork(repo, START, {**START, FIRST: TRAINED[FIRST]}, theirs)


def test_a_merge_in_the_wider_dtype_takes_what_each_side_trained(mixed: Repo) -> None:
    said = mixed.git("merge", "--no-edit", "theirs")
    assert "3 parameters have another dtype on some side: merged as F32 (--dtype chooses)" in said
    same(found(mixed), TRAINED)
    assert {value.dtype for value in found(mixed).values()} == {np.dtype("f4")}


@pytest.mark.parametrize("dtype", ["F16", "theirs"])
def test_a_merge_in_another_dtype(mixed: Repo, dtype: str) -> None:
    mixed.theta("merge", "--no-edit", "--dtype", dtype, "theirs")
    same(found(mixed), halves(TRAINED))
    assert {value.dtype for value in found(mixed).values()} == {np.dtype("f2")}


def test_averages_are_rounded_once_in_every_way(repo: Repo) -> None:
    random = np.random.default_rng(0)
    base, ours, theirs = ({"w": random.standard_normal((40, 30)).astype("f4")} for _ in range(3))
    fork(repo, base, ours, halves(theirs))
    exact = {"w": (ours["w"].astype("f8") + halves(theirs)["w"]) / 2}
    models = f"ours:{NAME}", f"theirs:{NAME}"
    repo.theta("combine", "-s", "average", "--dtype", "F16", *models, "-o", "out")
    values = git_theta.merge(repo.path / NAME, ["ours", "theirs"], dtype="F16")
    repo.theta("merge", "--no-edit", "--dtype", "F16", "theirs")
    for each in (load(repo.read("out")), dict(values), dict(load(repo.read(NAME)))):
        same(each, halves(exact))


def test_a_dtype_is_remembered_with_a_conflict(repo: Repo) -> None:
    ours, theirs = {**TRAINED, "head": np.zeros((3, 2), "f4")}, {**START, "head": np.ones((4, 5), "f2")}
    fork(repo, {**START, "head": np.ones((3, 3), "f4")}, ours, theirs)
    assert "head" in repo.theta("merge", "--no-edit", "--dtype", "F16", "theirs", ok=False)
    repo.theta("resolve", NAME, "-s", "ours")
    repo.git("commit", "-q", "--no-edit")
    same(found(repo), halves({**TRAINED, "head": ours["head"]}))


@pytest.mark.slow
def test_a_dtype_holds_through_a_rebase(mixed: Repo) -> None:
    mixed.write(NAME, safetensors_bytes({**START, FIRST: TRAINED[FIRST], "norm": START["norm"] * 3}))
    mixed.commit("more")
    mixed.git("rebase", "-q", "theirs", env={"GIT_THETA_MERGE": "dtype=F32"})
    assert found(mixed)["norm"].dtype == "f4"
    mixed.git("reset", "-q", "--hard", "ORIG_HEAD")
    mixed.git("rebase", "-q", "theirs")
    # A pick applies a change of values, so that the dtype is that of the model that it's applied to.
    same(found(mixed), halves({**TRAINED, "norm": START["norm"] * 3}))
    assert found(mixed)["norm"].dtype == "f2"


def test_a_revert_gives_the_dtype_back(repo: Repo) -> None:
    repo.theta("track", "*.safetensors")
    for weights in (START, halves(START), halves({**START, SECOND: TRAINED[SECOND]})):
        repo.write(NAME, safetensors_bytes(weights))
        repo.commit("step")
    repo.git("revert", "--no-edit", "HEAD^")
    same(found(repo), {**START, SECOND: TRAINED[SECOND]})
    assert found(repo)[FIRST].dtype == "f4"


EMBED, HEAD = "model.embed_tokens.weight", "lm_head.weight"


def tokenizer(*tokens: str) -> bytes:
    """A file of tokens with ids in their order, one token on a line."""
    made = {
        "added_tokens": [],
        "model": {"type": "BPE", "vocab": {token: i for i, token in enumerate(tokens)}},
    }
    return json.dumps(made, indent=1).encode()


def model(*rows: float, embed: str = EMBED) -> Weights:
    """Embeddings with rows of equal numbers, and an output layer with the same numbers times ten."""
    numbers = np.array(rows, "f4")[:, None] * np.ones(6, "f4")
    return {embed: numbers, HEAD: numbers * 10, "norm": np.ones(5, "f4")}


def with_tokens(repo: Repo, base: Weights, ours: Weights, theirs: Weights, *tokens: str) -> Repo:
    """A fork of models, each with a tokenizer whose tokens are letters."""
    repo.theta("track", "*.safetensors")
    for branch, weights, letters in zip(
        ("main", "theirs", "ours"), (base, theirs, ours), tokens, strict=True
    ):
        commit(repo, branch, weights, tokenizer__json=tokenizer(*letters))
    return repo


def test_rows_that_one_side_added_are_kept(repo: Repo) -> None:
    fork(repo, model(1, 2, 3), model(2, 2, 3, 9), model(1, 4, 3))
    said = repo.git("merge", "--no-edit", "theirs")
    assert "2 parameters have other rows on some side: merged by their order, to 4 rows" in said
    # Both sides changed rows of the matrix, so that it's averaged; the new row stays as it is.
    same(found(repo), model(1.5, 3, 3, 9))
    assert "recipe" not in repo.theta("show", NAME, "--param", "norm")


def test_rows_of_a_side_that_only_added_some(repo: Repo) -> None:
    fork(repo, model(1, 2, 3), model(1, 2, 3, 9), model(1, 4, 5))
    repo.git("merge", "--no-edit", "theirs")
    same(found(repo), model(1, 4, 5, 9))


@pytest.mark.parametrize("more", [(), (9,)], ids=["as many", "more"])
def test_rows_that_both_sides_added_are_in_conflict_without_tokens(repo: Repo, more: tuple[int, ...]) -> None:
    fork(repo, model(1, 2, 3), model(2, 2, 3, 9, *more), model(1, 4, 3, 7))
    said = repo.git("merge", "theirs", ok=False)
    assert "no tokenizer.json tells them apart: --rows common, union or ours decides" in said
    repo.theta("resolve", NAME, "--rows", "union")
    repo.git("commit", "-q", "--no-edit")
    same(found(repo), model(1.5, 3, 3, 8, *more))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [("union", (1.5, 3, 3, 9, 7)), ("common", (1.5, 3, 3)), ("ours", (1.5, 3, 3, 9))],
)
def test_other_tokens_in_the_same_row(repo: Repo, rows: str, expected: tuple[float, ...]) -> None:
    with_tokens(repo, model(1, 2, 3), model(2, 2, 3, 9), model(1, 4, 3, 7), "abc", "abcy", "abcx")
    repo.git("checkout", "-q", "ours")
    said = repo.git("merge", "theirs", ok=False)
    assert "sides have different tokens: settle tokenizer.json, then git theta resolve; or --rows" in said
    repo.theta("resolve", NAME, "--rows", rows)
    same(dict(load(repo.read(NAME))), model(*expected))
    repo.git("merge", "--abort")
    repo.git("merge", "--abort", ok=False)
    repo.theta("merge", "--rows", rows, "theirs", ok=False)
    same(dict(load(repo.read(NAME))), model(*expected))


def test_the_tokenizer_that_the_user_makes_decides(repo: Repo) -> None:
    with_tokens(repo, model(1, 2, 3), model(2, 2, 3, 9), model(1, 4, 3, 7), "abc", "abcy", "abcx")
    repo.git("merge", "theirs", ok=False)
    repo.write("tokenizer.json", tokenizer(*"yxabc"))
    repo.theta("resolve", NAME, "-s", "average")
    same(dict(load(repo.read(NAME))), model(7, 9, 1.5, 3, 3))


def test_a_vocabulary_in_another_order(repo: Repo) -> None:
    with_tokens(repo, model(1, 2, 3), model(1, 2, 5), model(7, 3, 2, 1), "abc", "xcba", "abc")
    said = repo.git("merge", "--no-edit", "theirs")
    assert "merged by their tokens in tokenizer.json, to 4 rows" in said
    # Only ours changed a row that both have.
    same(found(repo), model(7, 5, 2, 1))


def test_combine_and_python_by_tokens(repo: Repo) -> None:
    with_tokens(repo, model(1, 2, 3), model(1, 2, 5), model(7, 3, 2, 3), "abc", "xcba", "abc")
    models = f"ours:{NAME}", f"theirs:{NAME}"
    repo.theta("combine", "-s", "average", *models, "-o", "out")
    same(load(repo.read("out")), model(7, 4, 2, 2))
    same(dict(git_theta.merge(repo.path / NAME, ["ours", "theirs"], rows="ours")), model(2, 2, 4))
    repo.theta("combine", "-s", "average", "--rows", "common", *models, "-o", "out", "--force")
    same(load(repo.read("out")), model(2, 2, 4))


def test_a_rebase_with_new_tokens(repo: Repo) -> None:
    with_tokens(repo, model(1, 2, 3), model(1, 2, 5), model(1, 2, 3, 7), "abc", "abcx", "abc")
    repo.git("rebase", "-q", "theirs")
    same(found(repo), model(1, 2, 5, 7))


def test_a_hostile_tokenizer_is_a_conflict(repo: Repo) -> None:
    repo.theta("track", "*.safetensors")
    bad = b'{"model": {"vocab": {"a": 1e999, "b": -5}}}', b"[" * 100_000, tokenizer(*"abc")
    for branch, weights, data in zip(
        ("main", "theirs", "ours"), (model(1, 2, 3), model(1, 2, 3, 7), model(1, 2, 5)), bad, strict=True
    ):
        commit(repo, branch, weights, tokenizer__json=data)
    said = repo.git("merge", "theirs", ok=False)
    assert "tokenizer.json" in said
    assert "--rows common, union or ours goes by the order of rows" in said
    repo.theta("resolve", NAME, "--rows", "union")
    same(dict(load(repo.read(NAME))), model(1, 2, 5, 7))


def test_classes_are_no_tokens(repo: Repo) -> None:
    base, ours, theirs = (
        {"classifier.weight": np.full((n, 4), n, "f4"), "w": np.ones(3, "f4")} for n in (2, 3, 4)
    )
    fork(repo, base, ours, theirs)
    said = repo.git("merge", "theirs", ok=False)
    assert "if these correspond by their order, choose --rows common, union or ours" in said
    repo.theta("resolve", NAME, "--rows", "ours")
    expected = np.repeat(np.float32([3.5, 3.5, 3.5])[:, None], 4, axis=1)
    np.testing.assert_array_equal(load(repo.read(NAME))["classifier.weight"], expected)


def config(*, tied: bool) -> bytes:
    made = {"architectures": ["LlamaForCausalLM"], "hidden_size": 6, "tie_word_embeddings": tied}
    return json.dumps(made, indent=1).encode()


def without_head(weights: Weights) -> Weights:
    return {name: value for name, value in weights.items() if name != HEAD}


def tied_fork(repo: Repo, *versions: tuple[Weights, bool]) -> Repo:
    """A base, theirs and ours, each with whether its output layer is tied."""
    repo.theta("track", "*.safetensors")
    for branch, (weights, tied) in zip(("main", "theirs", "ours"), versions, strict=True):
        commit(repo, branch, weights, config__json=config(tied=tied))
    return repo


def test_an_output_layer_that_one_side_untied(repo: Repo) -> None:
    base, ours = without_head(model(1, 2)), without_head(model(1, 4))
    theirs = {**model(3, 2), HEAD: model(5, 2)[EMBED]}
    tied_fork(repo, (base, True), (theirs, False), (ours, True))
    said = repo.git("merge", "--no-edit", "theirs")
    assert f"{HEAD} isn't in ours, and tied there: it's merged as {EMBED}" in said
    assert "has to say" not in said
    same(found(repo), {**model(2, 3), HEAD: model(3, 3)[EMBED]})


def test_a_tied_layer_that_one_side_only_writes(repo: Repo) -> None:
    base, ours = without_head(model(1, 2)), without_head(model(3, 2))
    theirs = {**model(1, 4), HEAD: model(1, 4)[EMBED]}
    fork(repo, base, ours, theirs)
    repo.git("merge", "-q", "--no-edit", "theirs")
    same(found(repo), {**model(2, 3), HEAD: model(2, 3)[EMBED]})


def test_an_output_layer_that_one_side_tied_is_in_conflict(repo: Repo) -> None:
    tied_fork(repo, (model(1, 2), False), (model(3, 2), False), (without_head(model(1, 4)), True))
    said = repo.git("merge", "theirs", ok=False)
    assert f"{HEAD}: tied to {EMBED} by ours, changed on the other side: take a side" in said
    repo.theta("resolve", NAME, "-s", "ours")
    same(dict(load(repo.read(NAME))), without_head(model(2, 3)))


def test_tied_and_untied_models_are_combined(repo: Repo) -> None:
    tied_fork(
        repo, (model(1, 2), False), (without_head(model(7, 7)), True), (without_head(model(3, 4)), True)
    )
    said = repo.theta("combine", "-s", "average", f"ours:{NAME}", f"main:{NAME}", "-o", "out")
    assert "config.json of the result has to say that they aren't (tie_word_embeddings: false)" in said
    same(load(repo.read("out")), {**model(2, 3), HEAD: (model(3, 4)[EMBED] + model(1, 2)[HEAD]) / 2})


def test_a_head_that_is_new_is_taken(repo: Repo) -> None:
    base = without_head(model(1, 2))
    fork(repo, base, without_head(model(1, 4)), {**base, HEAD: model(5, 6)[HEAD]})
    repo.git("merge", "-q", "--no-edit", "theirs")
    same(found(repo), {**model(1, 4), HEAD: model(5, 6)[HEAD]})


def test_several_branches_that_are_not_alike(repo: Repo) -> None:
    fork(repo, tensors(0), tensors(3), tensors(6, "blocks"))
    commit(repo, "third", halves(tensors(9)))
    repo.git("checkout", "-q", "ours")
    head = repo.git("rev-parse", "HEAD")
    for words, said in (
        (("--rename", "blcks.*=layers.*"), "no parameter is called blcks.*"),
        (("-s", "average", "--param", "nothing*"), "nothing*"),
        ((*RENAME, "--dtype", "theirs"), "there are several others"),
    ):
        assert said in repo.theta("merge", *words, "theirs", "third", ok=False)
        assert repo.git("rev-parse", "HEAD") == head
    repo.theta("merge", *RENAME, "theirs", "third")
    same(found(repo), tensors(6))


def test_a_dtype_is_also_for_a_model_that_one_side_changed(repo: Repo) -> None:
    fork(repo, START, START, TRAINED)
    repo.theta("merge", "--no-edit", "--dtype", "F16", "theirs")
    same(found(repo), halves(TRAINED))
    assert {value.dtype for value in found(repo).values()} == {np.dtype("f2")}
    assert len(repo.git("log", "-1", "--format=%P").split()) == 2


def test_a_rename_that_is_not_needed_is_said(repo: Repo) -> None:
    fork(repo, tensors(0), tensors(0), tensors(4, "blocks"))
    said = repo.theta("merge", "--no-edit", *RENAME, "theirs")
    assert "'rename=blocks.*=layers.*' wasn't used: only theirs changed it" in said
    assert "--all-parameters" not in said


def test_rows_of_ours_where_only_theirs_added_some(repo: Repo) -> None:
    fork(repo, model(1, 2), model(1, 2), model(3, 2, 9))
    repo.theta("merge", "--no-edit", "--rows", "ours", "theirs")
    same(found(repo), model(3, 2))
