"""`git theta add` stores the given updates; work tree, index and history agree on the result."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers.checkpoints import safetensors_arrays, safetensors_bytes
from tests.helpers.pickled import archive, mapping, storage, tensor, whole
from tests.helpers.repo import Repo

Arrays = dict[str, NDArray[Any]]

NAME = "m.safetensors"
RANDOM = np.random.default_rng(11)


def normal(*shape: int) -> NDArray[np.float32]:
    return RANDOM.standard_normal(shape).astype("f4")


BASE: Arrays = {
    "layer.0.weight": normal(96, 128),
    "layer.0.bias": normal(96),
    "layer.1.weight": normal(96, 128),
    "step": np.arange(3),
}
LEFT, RIGHT = normal(96, 2), normal(2, 128)
SPARSE: Arrays = {
    "layer.1.weight/data": np.array([1, 2], "f4"),
    "layer.1.weight/indices": np.array([7, 100]),
    "layer.1.weight/indptr": np.array([0, 1, 2, *[2] * 94]),
    "layer.1.weight/shape": np.array([96, 128]),
}
DATA: dict[str, Arrays] = {
    "low-rank": {"layer.0.weight/R": LEFT, "layer.0.weight/C": RIGHT},
    "ia3": {"layer.0.weight/ia3": normal(96, 1), "layer.0.bias/ia3": normal(96)},
    "sparse": SPARSE,
    "dense": {"layer.1.weight": normal(96, 128)},
}


@pytest.fixture(scope="module")
def original(tracked: Repo, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """BASE is committed."""
    repo = tracked.copy(tmp_path_factory.mktemp("original") / "repo")
    repo.write(NAME, safetensors_bytes(BASE))
    repo.commit("base")
    return repo


@pytest.fixture
def based(original: Repo, tmp_path: Path) -> Repo:
    """A copy of that."""
    return original.copy(tmp_path / "repo")


def side(repo: Repo, arrays: Arrays) -> str:
    """A file of updates outside the repository."""
    path = repo.path.parent / "updates.safetensors"
    path.write_bytes(safetensors_bytes(arrays))
    return str(path)


def add(repo: Repo, kind: str, arrays: Arrays, name: str = NAME, ok: bool = True) -> str:
    return repo.theta("add", name, "--update-type", kind, "--update-data", side(repo, arrays), ok=ok)


def sources(repo: Repo, name: str = NAME) -> dict[str, str]:
    """Parameter → its source, as the index has it."""
    lines = repo.git("cat-file", "-p", f":{name}").partition("\n\n")[2].splitlines()
    return {line.split(" ")[0]: line.split(" ")[4] for line in lines}


def check_agreement(repo: Repo, name: str = NAME) -> None:
    """Index, work tree and a new checkout are the same, and Git doesn't read the file to know."""
    assert repo.git("diff-files", "--name-only") == ""
    assert repo.git("diff-index", "--cached", "--name-only", "HEAD") == f"{name}\n"
    data, blob = repo.read(name), repo.git("rev-parse", f":{name}")
    (repo.path / ".git" / "theta" / "cache.sqlite").unlink()
    os.utime(repo.path / name)
    repo.git("add", name)
    assert repo.git("rev-parse", f":{name}") == blob
    repo.git("commit", "-q", "-m", "side-loaded")
    (repo.path / name).unlink()
    repo.git("checkout", "--", name)
    assert repo.read(name) == data
    assert repo.status() == ""


@pytest.mark.parametrize("kind", DATA)
def test_the_result_is_written_and_staged(based: Repo, kind: str) -> None:
    before = sources(based)
    based.path.joinpath(NAME).chmod(0o640)
    assert "is written and staged" in add(based, kind, DATA[kind])
    assert based.path.joinpath(NAME).stat().st_mode & 0o777 == 0o640
    given = {name.rpartition("/")[0] or name for name in DATA[kind]}
    for name, source in sources(based).items():
        if name not in given:
            assert source == before[name]
        elif kind != "dense":
            assert source.startswith(f"{kind}(")
            assert source.endswith(f",{before[name]})")
    found = safetensors_arrays(based.read(NAME))
    expected = {name: value.copy() for name, value in BASE.items()}
    if kind == "low-rank":
        expected["layer.0.weight"] += LEFT @ RIGHT
    elif kind == "ia3":
        for name in given:
            expected[name] *= DATA[kind][f"{name}/ia3"]
    elif kind == "sparse":
        expected["layer.1.weight"][0, 7] += 1
        expected["layer.1.weight"][1, 100] += 2
    else:
        expected["layer.1.weight"] = DATA[kind]["layer.1.weight"]
    for name, value in expected.items():
        assert np.allclose(found[name], value, rtol=1e-6, atol=1e-6), name
    check_agreement(based)


@pytest.mark.parametrize("kind", ["low-rank", "ia3"])
def test_a_merged_file_is_kept_exactly(based: Repo, kind: str) -> None:
    merged = {name: value.copy() for name, value in BASE.items()}
    if kind == "low-rank":
        merged["layer.0.weight"] += LEFT @ RIGHT
    else:
        for name in ("layer.0.weight", "layer.0.bias"):
            merged[name] *= DATA[kind][f"{name}/ia3"]
    merged["layer.0.weight"][3, 4] = np.nan
    merged["step"] += 1
    data = safetensors_bytes(merged, {"by": "hand"})
    based.write(NAME, data)
    assert "is staged as it is" in add(based, kind, DATA[kind])
    assert based.read(NAME) == data
    assert sources(based)["layer.0.weight"].startswith(f"{kind}(")
    check_agreement(based)


def test_data_that_has_nothing_to_do_with_the_change(based: Repo) -> None:
    changed = BASE | {"layer.0.weight": normal(96, 128)}
    based.write(NAME, safetensors_bytes(changed))
    add(based, "low-rank", DATA["low-rank"])
    assert sources(based)["layer.0.weight"].startswith("dense(")
    check_agreement(based)


def test_quantized(based: Repo) -> None:
    changed = {name: value + 1e-3 * normal(*value.shape) for name, value in BASE.items() if name != "step"}
    changed |= {"step": BASE["step"] + 1, "new": normal(5), "layer.0.bias": np.full(96, np.nan, "f4")}
    changed = {name: value.astype(BASE.get(name, changed["new"]).dtype) for name, value in changed.items()}
    based.write(NAME, safetensors_bytes(changed))
    assert "written and staged" in based.theta("add", NAME, "--update-type", "quantized", "--epsilon", "1e-3")
    found = safetensors_arrays(based.read(NAME))
    assert found.keys() == changed.keys()
    for name, value in changed.items():
        if name.endswith(".weight"):
            assert sources(based)[name].startswith("quantized(")
            assert 5e-4 < np.abs(found[name] - value).max() <= 1.001e-3
        else:
            assert np.array_equal(found[name], value, equal_nan=value.dtype.kind == "f")
    check_agreement(based)


def test_signs(based: Repo) -> None:
    changed = {name: value + 1e-3 * normal(*value.shape) for name, value in BASE.items() if name != "step"}
    changed = {name: value.astype(BASE[name].dtype) for name, value in changed.items()} | {"new": normal(5)}
    based.write(NAME, safetensors_bytes(changed))
    assert "written and staged" in based.theta("add", NAME, "--update-type", "sign")
    found = safetensors_arrays(based.read(NAME))
    assert np.array_equal(found["new"], changed["new"])
    for name in ("layer.0.weight", "layer.1.weight"):
        assert sources(based)[name].startswith("sign(")
        moved, change = found[name].astype("f8") - BASE[name], changed[name].astype("f8") - BASE[name]
        assert np.array_equal(moved > 0, change > 0)
    check_agreement(based)


def test_quantized_again_and_again(based: Repo) -> None:
    for _ in range(3):
        value = safetensors_arrays(based.read(NAME))
        value["layer.0.weight"] = value["layer.0.weight"] + 1e-3 * normal(96, 128)
        based.write(NAME, safetensors_bytes(value))
        based.theta("add", NAME, "--update-type", "quantized")
        based.git("commit", "-q", "-m", "step")
    assert sources(based)["layer.0.weight"].count("quantized(") == 3
    assert "Nothing changed" in based.theta("add", NAME, "--update-type", "quantized")
    assert based.status() == ""


def test_an_adapter_from_another_folder(based: Repo) -> None:
    based.write("deep/er/a, b.safetensors", safetensors_bytes({f"model.{k}": v for k, v in BASE.items()}))
    based.commit("second")
    folder = based.path.parent / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 2, "lora_alpha": 2}')
    pair = {"A": RIGHT, "B": LEFT}
    weights = {f"base_model.model.layer.0.lora_{part}.weight": value for part, value in pair.items()}
    (folder / "adapter_model.safetensors").write_bytes(safetensors_bytes(weights))
    Repo(based.path / "deep").theta(
        "add", "er/a, b.safetensors", "--update-type", "low-rank", "--update-data", "../../adapter"
    )
    assert sources(based, "deep/er/a, b.safetensors")["model.layer.0.weight"].startswith("low-rank(")
    assert based.git("diff-files", "--name-only") == ""
    assert "M  " in based.status()


def test_tied_parameters_stay_tied(repo: Repo) -> None:
    leaf = tensor(storage("0", 12), (3, 4))
    tree = mapping({"a": leaf + b"q\x01", "b": b"h\x01"})
    values = np.arange(12, dtype="f4")
    records = {"data.pkl": whole(tree), "byteorder": b"little", "data/0": values.tobytes(), "version": b"3\n"}
    repo.write("m.pt", archive(records))
    repo.commit("base")
    add(repo, "ia3", {"a/ia3": np.full(4, 2, "f4")}, "m.pt")
    assert (2 * values).tobytes() in repo.read("m.pt")
    assert len(set(sources(repo, "m.pt").values())) == 1
    check_agreement(repo, "m.pt")


def test_a_file_that_is_still_a_manifest(based: Repo) -> None:
    based.write(NAME, based.git("cat-file", "-p", f":{NAME}").encode())
    add(based, "ia3", DATA["ia3"])
    assert safetensors_arrays(based.read(NAME)).keys() == BASE.keys()
    check_agreement(based)


def test_a_file_that_only_head_has(based: Repo) -> None:
    based.git("rm", "-q", "--cached", NAME)
    add(based, "ia3", DATA["ia3"])
    check_agreement(based)


def test_the_staged_version_is_the_base(based: Repo) -> None:
    add(based, "ia3", DATA["ia3"])
    once = sources(based)["layer.0.bias"]
    updates = side(based, DATA["ia3"])
    based.theta("add", NAME, "--update-type", "ia3", "--update-data", updates, "--again")
    assert sources(based)["layer.0.bias"].endswith(f",{once})")
    check_agreement(based)


@pytest.mark.parametrize("kind", ["low-rank", "ia3", "sparse"])
@pytest.mark.parametrize("committed", [True, False])
def test_an_update_is_not_applied_twice_by_mistake(based: Repo, kind: str, committed: bool) -> None:
    add(based, kind, DATA[kind])
    if committed:
        based.git("commit", "-q", "-m", "once")
    assert "has this update already" in refuse(
        based, "--update-type", kind, "--update-data", side(based, DATA[kind])
    )


def test_an_update_that_another_program_merged_is_there_already(based: Repo) -> None:
    merged = {name: value.copy() for name, value in BASE.items()}
    merged["layer.0.weight"] += LEFT @ RIGHT
    based.write(NAME, safetensors_bytes(merged))
    based.commit("merged elsewhere")
    data = side(based, DATA["low-rank"])
    assert "has this update already" in refuse(based, "--update-type", "low-rank", "--update-data", data)
    based.git("revert", "--no-edit", "HEAD")
    assert "written and staged" in add(based, "low-rank", DATA["low-rank"])


def test_another_update_of_the_same_parameter_is_another_one(based: Repo) -> None:
    add(based, "low-rank", DATA["low-rank"])
    other = {"layer.0.weight/R": LEFT[:, ::-1].copy(), "layer.0.weight/C": RIGHT}
    assert "written and staged" in add(based, "low-rank", other)


def adapter(folder: Path, arrays: Arrays, **settings: Any) -> Path:
    """A LoRA of rank 2 for layer.0, as PEFT saves it, and other tensors."""
    prefix = "base_model.model.layer.0.lora"
    folder.mkdir(parents=True, exist_ok=True)
    factors = {f"{prefix}_A.weight": RIGHT, f"{prefix}_B.weight": LEFT}
    (folder / "adapter_model.safetensors").write_bytes(safetensors_bytes({**factors, **arrays}))
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, **settings}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def moved(repo: Repo) -> float:
    """The factor of the product that was added to layer.0."""
    change = safetensors_arrays(repo.read(NAME))["layer.0.weight"] - BASE["layer.0.weight"]
    product = (LEFT @ RIGHT).ravel()
    return float(change.ravel() @ product / (product @ product))


LORA = ("--update-type", "low-rank", "--update-data")


def test_a_scaled_adapter(based: Repo, tmp_path: Path) -> None:
    folder = adapter(tmp_path / "lora", {})
    based.theta("add", NAME, *LORA, str(folder), "--scale", "0.25")
    assert moved(based) == pytest.approx(0.5, abs=1e-4)
    check_agreement(based)


def test_the_file_of_an_adapter(based: Repo, tmp_path: Path) -> None:
    file = adapter(tmp_path / "lora", {}) / "adapter_model.safetensors"
    based.theta("add", NAME, *LORA, str(file))
    assert moved(based) == pytest.approx(2, abs=1e-4)


def test_a_file_of_factors_without_settings_needs_a_scale(based: Repo, tmp_path: Path) -> None:
    file = adapter(tmp_path / "lora", {}) / "adapter_model.safetensors"
    alone = file.rename(tmp_path / "lora.safetensors")
    refuse(based, *LORA, str(alone))
    based.theta("add", NAME, *LORA, str(alone), "--scale", "3")
    assert moved(based) == pytest.approx(3, abs=1e-4)


@pytest.mark.parametrize("inside", ["lora", "lora/", "lora/adapter_model.safetensors"])
def test_an_adapter_of_a_commit(based: Repo, inside: str) -> None:
    based.git("checkout", "-q", "-b", "runs")
    adapter(based.path / "lora", {})
    based.commit("adapter")
    based.git("checkout", "-q", "-")
    assert not (based.path / "lora").exists()
    based.theta("add", NAME, *LORA, f"runs:{inside}")
    assert moved(based) == pytest.approx(2, abs=1e-4)
    assert "no adapter in it" in refuse(based, *LORA, "runs:other")


def test_an_adapter_of_a_commit_by_a_relative_path_and_at_the_top(based: Repo) -> None:
    based.git("checkout", "-q", "-b", "runs")
    adapter(based.path / "deep" / "lora", {})
    adapter(based.path, {})
    based.commit("adapters")
    Repo(based.path / "deep").theta("add", f"../{NAME}", *LORA, "runs:./lora")
    assert moved(based) == pytest.approx(2, abs=1e-4)
    based.git("reset", "-q", "--hard")
    based.theta("add", NAME, *LORA, "runs:", "--scale", "0.5")
    assert moved(based) == pytest.approx(1, abs=1e-4)


def test_the_version_of_a_commit_as_the_base(based: Repo, tmp_path: Path) -> None:
    folder = str(adapter(tmp_path / "lora", {}))
    based.theta("add", NAME, *LORA, folder, "--scale", "5")
    based.git("commit", "-q", "-m", "older adapter")
    based.theta("add", NAME, *LORA, folder, "--base", "HEAD^")
    assert moved(based) == pytest.approx(2, abs=1e-4)
    assert "Nothing changed" in based.theta("add", NAME, *LORA, folder, "--base", "HEAD^")
    check_agreement(based)


def test_changes_in_the_work_tree_are_not_lost_for_a_base(based: Repo, tmp_path: Path) -> None:
    based.write(NAME, safetensors_bytes({**BASE, "step": np.arange(4)}))
    folder = str(adapter(tmp_path / "lora", {}))
    assert "would overwrite" in refuse(based, *LORA, folder, "--base", "HEAD")


def test_an_embedding_that_the_output_layer_is_tied_to(based: Repo, tmp_path: Path) -> None:
    embedding = normal(20, 8)
    based.write(NAME, safetensors_bytes({**BASE, "model.embed_tokens.weight": embedding}))
    based.write("config.json", b'{"model_type": "llama", "tie_word_embeddings": true}')
    based.commit("tied")
    saved = {"base_model.model.model.embed_tokens.weight": embedding + 1}
    folder = str(adapter(tmp_path / "lora", saved, modules_to_save=["embed_tokens"]))
    assert "tie_word_embeddings" in refuse(based, *LORA, folder)
    based.theta("add", NAME, *LORA, folder, "--tied")
    after = safetensors_arrays(based.read(NAME))
    np.testing.assert_array_equal(after["model.embed_tokens.weight"], embedding + 1)
    based.git("reset", "-q", "--hard")
    both = adapter(tmp_path / "both", saved, modules_to_save=["embed_tokens"], ensure_weight_tying=True)
    based.theta("add", NAME, *LORA, str(both))
    # PEFT saves an embedding that has factors, too, with the value that it had.
    based.git("reset", "-q", "--hard")
    saved = {"base_model.model.model.embed_tokens.weight": embedding}
    based.theta("add", NAME, *LORA, str(adapter(tmp_path / "lora", saved)))


def test_nothing_to_do(based: Repo) -> None:
    assert "Nothing changed" in add(based, "ia3", {"layer.0.bias/ia3": np.ones((), "f4")})
    assert based.status() == ""


def refuse(repo: Repo, *args: str, name: str = NAME) -> str:
    """The message of a command that must fail and change nothing."""
    path = repo.path / name
    before = path.read_bytes() if path.exists() else None
    index = repo.git("ls-files", "-s")
    done = repo.run_theta("add", name, *args, ok=False)
    out = done.stderr
    assert done.returncode in range(1, 8)
    assert out.startswith("error: ")
    assert sum(line.startswith("error: ") for line in out.splitlines()) == 1
    assert (path.read_bytes() if path.exists() else None) == before
    assert repo.git("ls-files", "-s") == index
    assert not list(repo.path.rglob(".git-theta-*"))
    return out


def test_bad_data_changes_nothing(based: Repo) -> None:
    bad = side(based, {"layer.0.weight/R": LEFT})
    assert "lacks 'layer.0.weight/C'" in refuse(based, "--update-type", "low-rank", "--update-data", bad)
    assert "can't be read" in refuse(based, "--update-type", "dense", "--update-data", "nowhere")
    assert "adapter_config.json" in refuse(based, "--update-type", "low-rank", "--update-data", ".")


def test_options_that_do_not_go_together(based: Repo) -> None:
    data = side(based, DATA["ia3"])
    assert "needs --update-data" in refuse(based, "--update-type", "ia3")
    assert "needs no" in refuse(based, "--update-type", "quantized", "--update-data", data)
    assert "--epsilon is for" in refuse(
        based, "--update-type", "ia3", "--update-data", data, "--epsilon", "1"
    )
    for epsilon in ("0", "-1", "nan", "inf"):
        assert "positive" in refuse(based, "--update-type", "quantized", "--epsilon", epsilon)


def test_files_without_a_version(based: Repo) -> None:
    based.write("new.safetensors", safetensors_bytes(BASE))
    based.write("plain.txt", b"hello")
    data = ("--update-type", "ia3", "--update-data", side(based, DATA["ia3"]))
    assert "git add -- new.safetensors" in refuse(based, *data, name="new.safetensors")
    assert "git theta track plain.txt" in refuse(based, *data, name="plain.txt")
    assert "no previous version" in refuse(based, *data, name="nowhere.safetensors")
    assert "outside this repository" in refuse(based, *data, name="../updates.safetensors")
    based.git("add", "-N", "new.safetensors")
    assert "git add -- new.safetensors" in refuse(based, *data, name="new.safetensors")
    (based.path / NAME).unlink()
    assert f"git checkout -- {NAME}" in refuse(based, *data)


def test_a_conflict(based: Repo) -> None:
    data = ("--update-type", "ia3", "--update-data", side(based, DATA["ia3"]))
    based.git("checkout", "-q", "-b", "other")
    for branch, factor in (("other", 2), ("main", 3)):
        based.git("checkout", "-q", branch)
        based.write(NAME, safetensors_bytes(BASE | {"layer.0.bias": factor * BASE["layer.0.bias"]}))
        based.commit(branch)
    based.git("-c", "merge.theta.driver=false", "merge", "other", ok=False)
    assert based.status() == f"UU {NAME}\n"
    assert "in conflict" in refuse(based, *data)


def test_a_lost_object(based: Repo) -> None:
    index = based.git("ls-files", "-s")
    for path in based.objects:
        path.unlink()
    # Nothing else may run before: `git status` would bring the objects back from the work tree.
    message = add(based, "ia3", DATA["ia3"], ok=False)
    assert "isn't in this repository's store" in message
    assert based.read(NAME) == safetensors_bytes(BASE)
    assert based.git("ls-files", "-s") == index


def test_a_damaged_object(based: Repo) -> None:
    for path in based.objects:
        data = bytearray(path.read_bytes())
        data[len(data) // 2 :: 97] = bytes(len(data[len(data) // 2 :: 97]))
        path.chmod(0o644)
        path.write_bytes(data)
    refuse(based, "--update-type", "ia3", "--update-data", side(based, DATA["ia3"]))


def test_an_index_that_is_locked(based: Repo) -> None:
    lock = based.path / ".git" / "index.lock"
    lock.touch()
    out = refuse(based, "--update-type", "ia3", "--update-data", side(based, DATA["ia3"]))
    assert "index.lock" in out
    lock.unlink()


def test_a_link_is_not_followed(based: Repo, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere.safetensors"
    (based.path / NAME).rename(target)
    (based.path / NAME).symlink_to(target)
    data = target.read_bytes()
    refuse(based, "--update-type", "ia3", "--update-data", side(based, DATA["ia3"]))
    assert target.read_bytes() == data
