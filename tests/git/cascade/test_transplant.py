"""Models that are made again in weight space."""

from __future__ import annotations

import json

import ml_dtypes
import numpy as np
import pytest

from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import parse_if_manifest
from tests.helpers.checkpoints import safetensors_arrays, safetensors_bytes
from tests.helpers.repo import Repo

BASE, CHILD = "base/model.safetensors", "child/model.safetensors"


def arrays(seed: int, *names: str, shape: tuple[int, ...] = (64, 64)) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {name: random.standard_normal(shape).astype("f4") for name in names}


def write(repo: Repo, path: str, values: dict[str, np.ndarray]) -> None:
    repo.write(path, safetensors_bytes(values))


def derived(repo: Repo, base: dict[str, np.ndarray], child: dict[str, np.ndarray], relation: str) -> None:
    """Commit a model and its parent, and then another version of the parent."""
    write(repo, BASE, base)
    write(repo, CHILD, child)
    repo.git("add", "-A")
    repo.theta("lineage", "add", CHILD, "--from", BASE, "--relation", relation)
    repo.commit("both")


def update(repo: Repo, base: dict[str, np.ndarray]) -> None:
    write(repo, BASE, base)
    repo.commit("another base")


def manifest(repo: Repo, path: str) -> Manifest:
    found = parse_if_manifest(repo.run("git", "cat-file", "-p", f"HEAD:{path}").stdout.encode())
    assert found
    return found


def problem(repo: Repo) -> str:
    """The reason why the child can't be made; the cascade is undone."""
    before = repo.read(CHILD)
    done = repo.run_theta("cascade", "base", "--json", ok=False)
    assert done.returncode == 1
    assert (repo.read(CHILD), repo.status()) == (before, "")
    repo.theta("cascade", "--abort")
    return str(json.loads(done.stdout)["steps"][0]["problem"])


def test_a_fine_tune_with_a_head(repo: Repo) -> None:
    old, new = arrays(0, "a", "b", "c"), arrays(1, "a", "b", "c")
    new["c"] = old["c"]
    tuned = {"a": old["a"] + np.float32(0.125), "b": old["b"], "c": old["c"] * np.float32(2)}
    derived(repo, old, {**tuned, **arrays(2, "head")}, "finetune")
    update(repo, new)
    objects = set(repo.objects)
    told = repo.theta("cascade", "base")
    assert "1 parameter not in base/model.safetensors stay: head" in told
    found = safetensors_arrays(repo.read(CHILD))
    exact = tuned["a"].astype("f8") + (new["a"].astype("f8") - old["a"].astype("f8"))
    np.testing.assert_array_equal(found["a"], exact.astype("f4"))
    # Where nothing was tuned, it's the new base, bit for bit; where the base is as it was, nothing changes.
    np.testing.assert_array_equal(found["b"], new["b"])
    np.testing.assert_array_equal(found["c"], tuned["c"])
    np.testing.assert_array_equal(found["head"], arrays(2, "head")["head"])
    entries = manifest(repo, CHILD).by_name
    assert entries["a"].source.update == "recipe"
    assert entries["b"].source == manifest(repo, BASE).by_name["b"].source
    # The recipe is some hundred bytes: no value is stored.
    assert sum(path.stat().st_size for path in set(repo.objects) - objects) < 1000
    assert "nothing is wrong" in repo.theta("lineage", "verify")
    assert "nothing to make" in repo.theta("cascade", "base")


def test_a_copy_in_another_dtype(repo: Repo) -> None:
    old, new = arrays(0, "a"), arrays(1, "a")
    tuned = old["a"].astype(ml_dtypes.bfloat16)
    tuned[0] += ml_dtypes.bfloat16(0.5)
    derived(repo, old, {"a": tuned}, "quantized")
    update(repo, new)
    repo.theta("cascade", "base")
    found = safetensors_arrays(repo.read(CHILD))["a"]
    assert found.dtype == ml_dtypes.bfloat16
    # Where nothing was tuned, it's the new base in that dtype.
    exact = tuned[0].astype("f8") + (new["a"][0].astype("f8") - old["a"][0].astype("f8"))
    np.testing.assert_array_equal(found[1:], new["a"][1:].astype(ml_dtypes.bfloat16))
    np.testing.assert_array_equal(found[0], exact.astype(ml_dtypes.bfloat16))


def test_an_adapter_stays_for_the_new_version(repo: Repo) -> None:
    factors = arrays(3, "a.lora_A.weight", "a.lora_B.weight", shape=(4, 4))
    derived(repo, arrays(0, "a"), factors, "adapter")
    update(repo, arrays(1, "a"))
    before = repo.read(CHILD)
    assert "an adapter: its parameters are as they were" in repo.theta("cascade", "base")
    assert repo.read(CHILD) == before
    assert "nothing is wrong" in repo.theta("lineage", "verify")
    assert "nothing to make" in repo.theta("cascade", "base")


@pytest.mark.slow
def test_models_that_cant_be_moved(repo: Repo) -> None:
    old = arrays(0, "a", "b")
    derived(repo, old, arrays(1, "other"), "distilled")
    update(repo, arrays(2, "a", "b"))
    assert "no parameters in common with base/model.safetensors" in problem(repo)
    codes = {"a": (old["a"] * 20).astype("i1"), "b": old["b"]}
    derived(repo, old, codes, "quantized")
    update(repo, arrays(2, "a", "b"))
    assert "a of child/model.safetensors is in another form" in problem(repo)
    derived(repo, old, {"qweight": codes["a"], "b": old["b"]}, "quantized")
    update(repo, arrays(2, "a", "b"))
    assert "has a in another form than base/model.safetensors" in problem(repo)
    derived(repo, old, {"a": old["a"], "b": old["b"] * np.float32(0.5)}, "merge")
    update(repo, arrays(2, "a", "b"))
    assert "nobody knows in which shares child/model.safetensors was merged" in problem(repo)
    huge = np.full((64, 64), 2e38, "f4")
    derived(repo, old, {"a": huge, "b": old["b"]}, "finetune")
    update(repo, {"a": huge + np.float32(1e38), "b": old["b"]})
    assert "parameter 'a' can't be moved: of 4,096 elements in F32" in problem(repo)


def test_old_versions_that_nobody_knows(repo: Repo) -> None:
    old = arrays(0, "a")
    derived(repo, old, {"a": old["a"] + np.float32(1)}, "finetune")
    record = f".theta/lineage/{CHILD}.toml"
    text = repo.read(record).decode()
    head, _, tail = text.partition("[[parent]]")
    lines = [line for line in tail.splitlines() if not line.startswith("model")]
    repo.write(record, (head + "[[parent]]" + "\n".join(lines) + "\n").encode())
    repo.commit("no digest")
    update(repo, arrays(1, "a"))
    assert "nobody has recorded which version of base/model.safetensors" in problem(repo)
    digest = "blake3:" + "0" * 64
    repo.write(record, (head + "[[parent]]" + "\n".join([*lines, f'model = "{digest}"']) + "\n").encode())
    repo.commit("a wrong digest")
    assert "no version of base/model.safetensors in history is the one" in problem(repo)


def test_shards(repo: Repo) -> None:
    old, new = arrays(0, "a", "b"), arrays(1, "a", "b")
    files = {name: f"child/model-0000{number}-of-00002.safetensors" for number, name in enumerate("ab", 1)}
    write(repo, BASE, old)
    for name, path in files.items():
        write(repo, path, {name: old[name] + np.float32(0.5)})
    index = {"metadata": {}, "weight_map": {name: path.partition("/")[2] for name, path in files.items()}}
    repo.write("child/model.safetensors.index.json", json.dumps(index).encode())
    repo.git("add", "-A")
    repo.theta("lineage", "add", "child", "--from", BASE, "--relation", "finetune")
    repo.commit("both")
    update(repo, new)
    repo.theta("cascade", "base")
    assert repo.status() == ""
    for name, path in files.items():
        found = safetensors_arrays(repo.read(path))[name]
        np.testing.assert_allclose(found, new[name] + np.float32(0.5), atol=1e-6)
    assert "nothing is wrong" in repo.theta("lineage", "verify")


@pytest.mark.slow
def test_a_rerun_tells_that_a_model_was_moved(repo: Repo) -> None:
    write(repo, BASE, arrays(0, "a"))
    repo.commit("base")
    repo.theta("run", "--from", "base", "--out", CHILD, "--relation", "finetune", "--", "cp", BASE, "{out}")
    repo.git("commit", "-q", "-m", "child")
    update(repo, arrays(1, "a"))
    repo.theta("cascade", "base", "--transplant")
    assert b"moved = true" in repo.read(f".theta/lineage/{CHILD}.toml")
    assert "was moved onto new versions" in repo.theta("rerun", "child", "--dry-run")
    update(repo, arrays(2, "a"))
    repo.theta("cascade", "base")
    assert b"moved" not in repo.read(f".theta/lineage/{CHILD}.toml")


def test_a_merge_is_merged_again_by_its_recipe(repo: Repo) -> None:
    first, noise = arrays(0, "a", "b"), arrays(1, "a")["a"]
    second, new = ({**first, "a": first["a"] + noise * np.float32(share)} for share in (0.01, 0.02))
    paths = ["one/model.safetensors", "two/model.safetensors"]
    for path, values in zip(paths, (first, second), strict=True):
        write(repo, path, values)
    repo.commit("both")
    linear = ("-s", "linear", "--set", "weights=0.75,0.25", "--no-record")
    repo.theta("combine", *linear, *paths, "-o", "soup.safetensors")
    repo.git("add", "soup.safetensors")
    words = [word for path in paths for word in ("--from", path)]
    repo.theta("lineage", "add", "soup.safetensors", *words, "--relation", "merge")
    repo.commit("soup")
    assert manifest(repo, "soup.safetensors").by_name["a"].source.update == "recipe"
    write(repo, paths[1], new)
    repo.commit("another one")
    told = repo.theta("cascade", "two")
    assert "soup.safetensors  by its recipe from two/model.safetensors" in told
    found = safetensors_arrays(repo.read("soup.safetensors"))
    expected = first["a"].astype("f8") * 0.75 + new["a"].astype("f8") * 0.25
    np.testing.assert_allclose(found["a"], expected, rtol=1e-6)
    assert manifest(repo, "soup.safetensors").by_name["a"].source.update == "recipe"
    assert "nothing is wrong" in repo.theta("lineage", "verify")
