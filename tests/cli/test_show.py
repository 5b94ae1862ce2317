from __future__ import annotations

import json
import shutil
from typing import Any

import numpy as np
import pytest

from git_theta.cli.show import chain_text
from git_theta.model.tensor import TensorSpec
from git_theta.report.text import human_size
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo
from tests.helpers.small_history import FIRST, NAME, SECOND, WEIGHTS, Json
from tests.helpers.small_models import A
from tests.helpers.weights import trained, tuned


def test_json_has_every_parameter(history: Repo, report: Json) -> None:
    found = report(history, "show", NAME)
    assert (found["format"], found["size"]) == ("safetensors", len(SECOND))
    assert [one["name"] for one in found["parameters"]] == ["big", "small", "steps"]
    big = found["parameters"][0]
    assert (big["dtype"], big["shape"], big["size"]) == ("F32", [700, 600], 1_680_000)
    assert big["update"] == "dense"
    assert big["source"].startswith("dense(")
    assert len(big["digest"]) == 64
    assert set(found["layout"]) == {"digest", "stored"}
    parts = [found["layout"], *found["parameters"]]
    assert found["stored"] == sum(part["stored"] for part in parts) < len(SECOND)


def test_a_table_is_plain_and_whole_in_a_pipe(repo: Repo) -> None:
    long = "layer." * 60 + "重み"
    repo.write(
        "m.safetensors", safetensors_bytes({long: np.zeros(3, "f4"), "two words\x1b[31m": np.zeros((), "f4")})
    )
    repo.git("add", "-A")
    text = repo.theta("show", "m.safetensors")
    assert long in text
    assert "\x1b" not in text
    assert "two words%1B[31m" in text
    assert "scalar" in text
    assert not any(line != line.rstrip() for line in text.splitlines())


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("name", ["big", "small", "steps"]),
        ("size", ["big", "small", "steps"]),
        ("stored", ["big", "small", "steps"]),
    ],
)
def test_order(history: Repo, report: Json, order: str, names: list[str]) -> None:
    assert [one["name"] for one in report(history, "show", NAME, "--sort", order)["parameters"]] == names


def test_versions(history: Repo, report: Json) -> None:
    def small(version: str) -> str:
        digest: str = report(history, "show", version)["parameters"][1]["digest"]
        return digest

    new, old = small(NAME), small(f"HEAD~1:{NAME}")
    assert new != old
    assert small(f"HEAD:{NAME}") == small(f":{NAME}") == new
    folder = Repo(history.path / "my models")
    base = NAME.rpartition("/")[2]
    for version in (base, f"./{base}", f":./{base}", f"HEAD:./{base}", f"HEAD:{NAME}", f":{NAME}"):
        assert report(folder, "show", version)["parameters"][1]["digest"] == new


def test_a_linked_work_tree_and_a_bare_repository(history: Repo, report: Json) -> None:
    history.git("worktree", "add", "-q", "--detach", "../linked", "HEAD~1")
    assert report(Repo(history.path.parent / "linked"), "show", NAME)["size"] == len(FIRST)
    bare = history.path.parent / "bare.git"
    history.git("clone", "-q", "--bare", ".", str(bare))
    found = report(Repo(bare), "show", f"HEAD:{NAME}")
    assert len(found["parameters"]) == len(WEIGHTS)


def test_chains_of_updates(repo: Repo, report: Json) -> None:
    spec = TensorSpec("F32", (200, 300))
    value = trained(spec)
    for data in (value, tuned(value, spec)):
        arrays = {"still": np.arange(9000.0), "w": np.frombuffer(data, "<f4").reshape(spec.shape)}
        repo.write("m.safetensors", safetensors_bytes(arrays))
        repo.commit()

    def shown(revision: str) -> tuple[dict[str, Any], str]:
        version = f"{revision}:m.safetensors"
        return report(repo, "show", version)["parameters"][1], repo.theta("show", version)

    first, text = shown("HEAD~1")
    assert first["chain"] == ["dense"]
    assert first["own"] == first["stored"]
    assert "of them" not in text
    second, text = shown("HEAD")
    assert second["chain"] == ["delta", "dense"]
    assert second["own"] + first["own"] == second["stored"]
    assert " delta of dense " in text
    own, below = human_size(second["own"]), human_size(first["own"])
    assert f"\n1 of them is an update: {own}, on values that take {below}\n" in text
    by_own, by_stored = (
        [row["name"] for row in report(repo, "show", "m.safetensors", "--sort", key)["parameters"]]
        for key in ("own", "stored")
    )
    assert (by_own, by_stored) == (["w", "still"], ["w", "still"])


def test_a_quantised_weight_is_a_group(repo: Repo, report: Json) -> None:
    codes = {"l.weight": np.ones((8, 4), "i1"), "l.weight_scale": np.ones(8, "f4"), "a": np.ones(2, "f4")}
    repo.write("m.safetensors", safetensors_bytes(codes))
    repo.git("add", "-A")
    lines = repo.theta("show", "m.safetensors").splitlines()
    assert [line.split()[0] for line in lines[1:5]] == [
        "a",
        "l.{weight,weight_scale}",
        "l.weight",
        "l.weight_scale",
    ]
    assert lines[2].split()[1:5] == ["INT8", "8x4", "64", "B"]
    (weight,) = report(repo, "show", "m.safetensors")["quantized"]
    assert weight == {
        "name": "l.weight",
        "scheme": "INT8",
        "shape": [8, 4],
        "parameters": ["l.weight", "l.weight_scale"],
    }


@pytest.mark.parametrize(
    ("chain", "words"),
    [
        ("dense", "dense"),
        ("sparse delta dense", "sparse of delta of dense"),
        ("sparse delta rows delta dense", "sparse of 3 updates of dense"),
    ],
)
def test_a_long_chain_is_cut_short(chain: str, words: str) -> None:
    assert chain_text(chain.split()) == words


def test_names_that_look_like_options_or_revisions(repo: Repo, report: Json) -> None:
    for name in ("-n.safetensors", "a:b.safetensors"):
        repo.write(name, FIRST)
        repo.git("add", "-A")
        assert report(repo, "show", "--", name)["size"] == len(FIRST)


@pytest.mark.parametrize(
    ("version", "output"),
    [
        ("nothing.safetensors", "there's no nothing.safetensors in the index"),
        (":nothing.safetensors", "there's no nothing.safetensors in the index"),
        ("HEAD:nothing.safetensors", "there's no nothing.safetensors in HEAD"),
        ("nowhere:x.safetensors", "'nowhere' isn't a revision"),
        ("fresh.safetensors", "hint: add it first: git add -- fresh.safetensors"),
        (".gitattributes", "whole file"),
        ("", "there's no"),
        (":", "there's no"),
        ("HEAD:", "there's no"),
    ],
)
def test_errors(history: Repo, version: str, output: str) -> None:
    history.write("fresh.safetensors", FIRST)
    done = history.run_theta("show", version, ok=False)
    assert done.returncode == 2
    assert output in done.stderr
    assert "Traceback" not in done.stderr


def test_outside_a_repository(history: Repo) -> None:
    shutil.rmtree(history.path / ".git")
    done = history.run_theta("show", "x", ok=False)
    assert done.returncode == 7
    assert "git init" in done.stderr


def test_ten_thousand_parameters_keep_their_columns(repo: Repo) -> None:
    arrays = {f"layers.{index}": np.full(index % 5, index, np.int32) for index in range(10_000)}
    repo.write("m.safetensors", safetensors_bytes(arrays))
    repo.git("add", "-A")
    rows = repo.theta("show", "m.safetensors").splitlines()[1:10_001]
    assert {len(row.split()) for row in rows} == {11}
    assert len({row.index(" I32 ") for row in rows}) == 1


def test_ways_to_name_a_version(repo: Repo) -> None:
    repo.write("d/a.safetensors", safetensors_bytes({"x/y": np.zeros((2, 3), "f4"), "n": np.array(7)}))
    repo.commit()
    repo.write("d/a.safetensors", A)
    repo.git("add", "-A")
    shown = json.loads(repo.theta("show", "HEAD:d/a.safetensors", "--json"))
    assert [(p["name"], p["dtype"], p["shape"], p["update"]) for p in shown["parameters"]] == [
        ("n", "I64", [], "dense"),
        ("x/y", "F32", [2, 3], "dense"),
    ]
    below = Repo(repo.path / "d")
    for name in ("a.safetensors", ":./a.safetensors", ":d/a.safetensors", "./a.safetensors"):
        assert len(json.loads(below.theta("show", name, "--json"))["parameters"]) == 3
    assert len(json.loads(below.theta("show", "HEAD:./a.safetensors", "--json"))["parameters"]) == 2
    text = below.theta("show", "a.safetensors", "--sort", "size")
    assert "64x64" in text
    assert "3 parameters, safetensors" in text


def test_errors_explain_the_state_of_the_file(repo: Repo) -> None:
    repo.write("new.safetensors", A)
    assert "git add" in repo.theta("show", "new.safetensors", ok=False)
    assert "there's no" in repo.theta("show", "nothing.safetensors", ok=False)
    repo.write("plain.txt", b"text")
    repo.commit()
    assert "as a whole file" in repo.theta("show", "plain.txt", ok=False)
