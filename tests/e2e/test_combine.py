"""`git theta combine` on files and versions, and the same merges made by other commands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load

from tests.helpers import in_process
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.combining import NAMES, weights
from tests.helpers.repo import Repo
from tests.helpers.variants import mostly_slow

NAME = "m.safetensors"


@pytest.fixture
def fork(repo: Repo) -> Repo:
    """A repository with `base`, and `side` beside `main`; one parameter was changed on one side only."""
    repo.theta("track", "*.safetensors")
    for branch, start, seed in (("base", "", 0), ("side", "base", 1), ("main", "base", 2)):
        values = weights(seed)
        if branch == "main":
            values[NAMES[1]] = weights(0)[NAMES[1]]
        if start:
            repo.git("checkout", "-q", "-B", branch, start)
        repo.write(NAME, safetensors_bytes(values, {"format": "pt"}))
        repo.commit(branch)
        if not start:
            repo.git("branch", "-f", branch)
    return repo


STRATEGIES = {
    "average": (),
    "linear": ("weights=0.3,0.9",),
    "ties": ("density=0.4",),
    "dare-linear": ("density=0.4", "seed=3"),
    "slerp": ("t=layers:0.1..0.8",),
    "task-arithmetic": ("scale=0.7",),
    "ours": (),
    "model-stock": (),
}


@pytest.mark.parametrize(
    "strategy", mostly_slow(STRATEGIES, quick=["average", "linear", "dare-linear", "slerp"])
)
def test_a_combination_is_what_a_merge_gives(fork: Repo, strategy: str) -> None:
    options = [word for option in STRATEGIES[strategy] for word in ("--set", option)]
    names = (f"main:{NAME}", f"side:{NAME}")
    fork.theta("combine", "-s", strategy, *options, "--base", f"base:{NAME}", *names, "-o", "combined")
    fork.theta("merge", "--no-edit", "-s", strategy, *options, "side")
    assert fork.read("combined") == fork.read(NAME)


@pytest.mark.slow
def test_counters_mean_the_same_in_combinations_and_merges(fork: Repo) -> None:
    """A strategy for all parameters can't merge whole numbers; what settles that is said."""
    name = "bn.num_batches_tracked"
    for branch, count in (("base", 1), ("side", 5), ("main", 9)):
        fork.git("checkout", "-q", branch)
        if branch != "base":
            fork.git("merge", "-q", "-s", "ours", "--no-edit", "base")
        values = {**load(fork.read(NAME)), name: np.array(count)}
        fork.write(NAME, safetensors_bytes(values, {"format": "pt"}))
        fork.commit("count")
    combine = ("combine", "--base", f"base:{NAME}", f"main:{NAME}", f"side:{NAME}", "-o", "out", "--force")
    said = fork.theta(*combine, "-s", "ties", ok=False)
    assert "--rule 'counter parameters=*num_batches_tracked'" in said
    said = fork.run_theta("merge", "-s", "ties", "side", ok=False).stderr
    assert f"for counters such as {name}: git theta resolve {NAME} -s counter" in said
    assert f"git theta resolve {NAME} -s counter" in fork.theta("resolve", NAME, ok=False)
    fork.theta("resolve", NAME, "-s", "counter")
    settled = load(fork.read(NAME))
    assert settled[name] == 9
    fork.theta(*combine, "-s", "ties", "--rule", "counter parameters=*num_batches_tracked")
    found = load(fork.read("out"))
    assert all((found[key] == settled[key]).all() for key in settled)
    fork.theta(*combine, "--rule", "average parameters=*.weight")
    assert load(fork.read("out"))[name] == 9
    fork.git("reset", "-q", "--hard")
    assert "1 by counter" in fork.run_theta("merge", "--no-edit", "side").stderr


def test_files_need_no_repository(tmp_path: Path) -> None:
    values = [weights(seed) for seed in (1, 2, 3)]
    for name, value in zip("abc", values, strict=True):
        (tmp_path / name).write_bytes(safetensors_bytes(value))
    outside = {"GIT_CEILING_DIRECTORIES": os.fspath(tmp_path.parent)}
    done = in_process.theta(tmp_path, ["combine", "-s", "average", "a", "b", "c", "-o", "out"], env=outside)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "out: merged 5 parameters: 5 averaged\n"
    found = load((tmp_path / "out").read_bytes())
    exact = sum(value[NAMES[0]].astype("f8") for value in values) / 3
    np.testing.assert_array_equal(found[NAMES[0]], np.asarray(exact).astype("f4"))
    done = in_process.theta(tmp_path, ["combine", "-s", "average", "a", "HEAD:b", "-o", "new"], env=outside)
    assert done.returncode != 0
    os.mkfifo(tmp_path / "pipe")
    words = ["combine", "-s", "average", "a", "b", "-o", "pipe", "--force"]
    assert "isn't a regular file" in in_process.theta(tmp_path, words, env=outside).stderr
    assert (tmp_path / "pipe").is_fifo()
    assert "isn't in a Git repository" in done.stderr


def test_nothing_is_overwritten_unless_asked(fork: Repo) -> None:
    words = ("combine", "-s", "average", NAME, f"side:{NAME}", "-o", NAME)
    before = fork.read(NAME)
    assert "--force" in fork.theta(*words, ok=False)
    assert fork.read(NAME) == before
    fork.theta(*words, "--force")
    assert fork.read(NAME) != before
    assert "is a folder" in fork.theta(*words[:-1], ".", ok=False)
    assert "no folder" in fork.theta(*words[:-1], "none/out", ok=False)


def test_folders_of_shards_and_files_of_a_lazy_clone(fork: Repo, tmp_path: Path) -> None:
    values = weights(5)
    for number, names in enumerate((NAMES[:2], NAMES[2:])):
        part = safetensors_bytes({name: values[name] for name in names}, {"format": "pt"})
        fork.write(f"big/model-{number}.safetensors", part)
    places = ",".join(f'"{name}":"model-{int(name not in NAMES[:2])}.safetensors"' for name in NAMES)
    fork.write("big/model.safetensors.index.json", b'{"weight_map":{%s}}' % places.encode())
    fork.theta("combine", "-s", "average", NAME, "big", "-o", "one")
    fork.commit("shards")
    fork.theta("combine", "-s", "average", NAME, "HEAD:big", "-o", "two")
    assert fork.read("one") == fork.read("two")
    clone = Repo(tmp_path / "clone")
    fork.git("-c", "theta.fetch=lazy", "clone", "-q", os.fspath(fork.path), os.fspath(clone.path))
    clone.theta("combine", "-s", "average", NAME, "HEAD:big", "-o", "three")
    assert clone.read("three") == fork.read("one")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("combine", "a", "b", "-o", "x"), "how are the models to be combined"),
        (("combine", "-s", "average", NAME, "-o", "x"), "which models"),
        (("combine", "-s", "average", NAME, NAME), "where does the result go"),
        (("combine", "-s", "averag", NAME, NAME, "-o", "x"), "average"),
        (("combine", "-s", "linear", "--set", "weights=1", NAME, NAME, "-o", "x"), "1 weights"),
        (("combine", "-s", "average", NAME, "none", "-o", "x"), "no file none"),
        (("combine", "-s", "average", NAME, "HEAD:none", "-o", "x"), "no none in HEAD"),
        (("combine", "-s", "average", NAME, ".gitattributes", "-o", "x"), "isn't a checkpoint"),
        (("combine", "-s", "average", "--dtype", "int8", NAME, NAME, "-o", "x"), "isn't a dtype"),
        (("combine", "--rule", "ours path=x", NAME, NAME, "-o", "x"), "path= and when="),
        (("combine", "--rule", "ours parameters=none", NAME, NAME, "-o", "x"), "no parameter 'none'"),
    ],
)
def test_errors(fork: Repo, words: tuple[str, ...], said: str) -> None:
    done = fork.run_theta(*words, ok=False)
    assert done.returncode != 0
    assert said in done.stderr
    assert not (fork.path / "x").exists()


def test_a_merge_for_mergekit(fork: Repo) -> None:
    fork.write("copy/model.safetensors", fork.read(NAME))
    text = f"""
merge_method: ties
base_model: base:{NAME}
models:
  - {{model: copy, parameters: {{density: 0.4}}}}
  - {{model: "side:{NAME}", parameters: {{density: [0.2, 0.6]}}}}
parameters: {{weight: 1}}
"""
    fork.write("merge.yml", text.encode())
    done = fork.run_theta("combine", "--config", "merge.yml", "-o", "out")
    assert "out: merged 5 parameters: 5 by ties" in done.stdout
    names = ("copy", f"side:{NAME}", "--base", f"base:{NAME}")
    options = ("--set", "density=0.4,layers:0.2..0.6", "--set", "weights=1,1", "--all-parameters")
    fork.theta("combine", "-s", "ties", *options, *names, "-o", "same")
    assert fork.read("out") == fork.read("same")
    assert "is there already" in fork.theta("combine", "--config", "merge.yml", "-o", "out", ok=False)
    assert "leave other models" in fork.theta("combine", "--config", "merge.yml", "a", "-o", "new", ok=False)
    assert "there's no file none.yml" in fork.theta("combine", "--config", "none.yml", "-o", "new", ok=False)
    fork.write("merge.yml", text.replace("copy,", "org/name,").encode())
    assert "of a hub must be downloaded" in fork.theta(
        "combine", "--config", "merge.yml", "-o", "new", ok=False
    )
    fork.write("merge.yml", text.replace("copy,", "copy+lora,").encode())
    assert "an adapter isn't applied" in fork.theta("combine", "--config", "merge.yml", "-o", "new", ok=False)
    assert not (fork.path / "new").exists()


@pytest.mark.filterwarnings("ignore:.*quantize")
def test_numbers_that_mean_something_else_in_each_file_arent_combined(repo: Repo) -> None:
    torch: Any = pytest.importorskip("torch")

    def quantised(scale: float, value: float) -> Any:
        return torch.quantize_per_tensor(torch.full((2,), value), scale, 0, torch.qint8)

    for one, other, said in (
        (torch._neg_view(torch.ones(2)), torch.ones(2), "w is stored negated in a.pt"),
        (quantised(0.1, 1.0), quantised(0.2, 0.4), "w is stored quantised in"),
    ):
        torch.save({"w": one}, repo.path / "a.pt")
        torch.save({"w": other}, repo.path / "b.pt")
        assert said in repo.theta("combine", "a.pt", "b.pt", "--strategy", "average", "-o", "c.pt", ok=False)
        assert not (repo.path / "c.pt").exists()


def test_views_of_the_same_kind_are_combined(repo: Repo) -> None:
    torch: Any = pytest.importorskip("torch")
    for name, value in (("a", 1.0), ("b", 3.0)):
        torch.save({"w": torch._neg_view(torch.full((2,), value))}, repo.path / f"{name}.pt")
    repo.theta("combine", "a.pt", "b.pt", "--strategy", "average", "-o", "c.pt")
    assert torch.load(repo.path / "c.pt")["w"].tolist() == [-2.0, -2.0]
    told = repo.theta("combine", "a.pt", "b.pt", "--strategy", "average", "-o", "c.safetensors", ok=False)
    assert "w is stored negated" in told
