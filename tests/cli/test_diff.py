from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import numpy as np
import pytest

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.pickled import archive, mapping, storage, tensor, whole
from tests.helpers.repo import Repo
from tests.helpers.small_history import FIRST, GROWN, NAME, SECOND, THIRD, TUNED, WEIGHTS


def diff(repo: Repo, *args: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(repo.theta("diff", "--json", *args))
    return found


def changes(repo: Repo, *args: str) -> dict[str, str]:
    (change,) = diff(repo, *args)
    return {row["name"]: row["change"] for row in change["parameters"]}


def test_revisions_index_and_work_tree(history: Repo) -> None:
    assert diff(history) == diff(history, "--cached") == diff(history, "HEAD") == []
    for words in (("HEAD~1", "HEAD"), ("HEAD~1..",), ("HEAD~1...main",), ("HEAD~1",), ("--cached", "HEAD~1")):
        assert changes(history, *words) == {"small": "modified"}
    history.write(NAME, THIRD)
    assert changes(history) == {"new": "added"}
    assert changes(history, "HEAD~1") == {"new": "added", "small": "modified"}
    history.git("add", "-A")
    assert diff(history) == []
    assert changes(history, "--staged") == {"new": "added"}


def test_nothing_is_stored(history: Repo) -> None:
    before = history.objects
    history.write(NAME, THIRD)
    (change,) = diff(history)
    assert change["stored"] is None
    assert history.theta("diff").startswith(f"{NAME}: 1 parameter added; ")
    assert history.objects == before


def test_paths(history: Repo) -> None:
    history.write("b.safetensors", FIRST)
    history.commit()
    history.git("mv", "b.safetensors", "c.safetensors")
    history.git("commit", "-qm", "renamed")
    assert [change["path"] for change in diff(history, "HEAD~3", "HEAD")] == ["c.safetensors", NAME]
    assert [change["path"] for change in diff(history, "HEAD~3", "HEAD", "--", "c.safetensors")] == [
        "c.safetensors"
    ]
    (renamed,) = diff(history, "HEAD~1", "HEAD")
    assert (renamed["old"]["path"], renamed["new"]["path"]) == ("b.safetensors", "c.safetensors")
    assert "b.safetensors -> c.safetensors: no parameter changed" in history.theta("diff", "HEAD~1", "HEAD")
    inside = Repo(history.path / "my models")
    assert [change["path"] for change in diff(inside, "HEAD~3", "HEAD", "größe.safetensors")] == [NAME]
    (history.path / NAME).unlink()
    assert changes(inside) == dict.fromkeys(TUNED, "removed")
    assert f"{NAME}: deleted, 3 parameters" in inside.theta("diff")


def test_other_files_arent_shown(history: Repo) -> None:
    history.write("notes.txt", b"one")
    history.git("add", "-A")
    assert diff(history, "--cached") == []


def test_before_the_first_commit(repo: Repo) -> None:
    assert diff(repo) == diff(repo, "--cached") == []
    repo.write("m.safetensors", FIRST)
    repo.git("add", "-A")
    assert changes(repo, "--cached") == dict.fromkeys(WEIGHTS, "added")


def test_a_touched_file_is_read_once_and_isnt_shown(history: Repo) -> None:
    old = (history.path / NAME).stat().st_mtime - 100
    os.utime(history.path / NAME, (old, old))
    assert history.theta("diff") == ""
    (history.path / NAME).chmod(0o755)
    assert "    mode 100644 -> 100755\n" in history.theta("diff")


def test_two_files_outside_of_a_repository(tmp_path: Any) -> None:
    folder = Repo(tmp_path)
    folder.write("a.safetensors", FIRST)
    folder.write("b.safetensors", SECOND)
    assert changes(folder, "a.safetensors", "b.safetensors") == {"small": "modified"}
    assert "repository" in folder.theta("diff", ok=False)
    assert "there's no file" in folder.theta("diff", "a.safetensors", "c.safetensors", ok=False)


def test_another_format_with_the_same_weights(history: Repo) -> None:
    held = tensor(storage("0", 120), (40, 3))
    tree = mapping({"small": held})
    history.write("a.pt", archive({"data.pkl": whole(tree), "data/0": WEIGHTS["small"].tobytes()}))
    history.write("b.safetensors", safetensors_bytes({"small": WEIGHTS["small"]}))
    output = history.theta("diff", "a.pt", "b.safetensors")
    assert "a.pt -> b.safetensors: no parameter changed; " in output
    assert "    format pytorch -> safetensors\n" in output
    history.write("c.safetensors", safetensors_bytes({"model.small": WEIGHTS["small"]}))
    assert "    > small -> model.small  F32 40x3\n" in history.theta("diff", "a.pt", "c.safetensors")


def test_versions_and_files(history: Repo) -> None:
    history.write("b.safetensors", THIRD)
    assert changes(history, f"HEAD~1:{NAME}", "b.safetensors") == {"new": "added", "small": "modified"}
    assert changes(history, f"HEAD:{NAME}", f"HEAD~1:{NAME}") == {"small": "modified"}
    assert changes(history, "--no-index", NAME, "b.safetensors") == {"new": "added"}
    history.git("add", "-A")
    assert [change["path"] for change in diff(history, "--cached", NAME, "b.safetensors")] == [
        "b.safetensors"
    ]


def test_other_types_and_shapes(repo: Repo) -> None:
    repo.write("a.safetensors", safetensors_bytes({"t": np.ones(3, "f4"), "s": np.ones(3, "f4")}))
    repo.write("b.safetensors", safetensors_bytes({"t": np.ones(3, "f2"), "s": np.ones((3, 1), "f4")}))
    assert changes(repo, "a.safetensors", "b.safetensors") == {"t": "retyped", "s": "reshaped"}
    output = repo.theta("diff", "a.safetensors", "b.safetensors", "--stat-values")
    assert "    ~ t  F32 -> F16 3" in output
    assert "    ~ s  F32 3 -> 3x1" in output
    assert "no figures: another shape" in output


def test_figures(history: Repo) -> None:
    (change,) = diff(history, "--stat-values", "HEAD~1", "HEAD")
    (row,) = change["parameters"]
    assert row["statistics"]["norm"] == pytest.approx(120**0.5, rel=1e-6)
    assert row["statistics"]["changed"] == row["statistics"]["count"] == 120
    history.write(NAME, safetensors_bytes({**GROWN, "small": TUNED["small"] * np.float32(np.nan)}))
    output = history.theta("diff", "--stat-values")
    assert "change 0, largest 0, 100% of elements, 120 now NaN or infinite" in output
    for path in history.objects:
        path.unlink()
    output = history.theta("diff", "--stat-values", "HEAD~1", "HEAD")
    assert "no figures: parameter 'small': object " in output
    assert "hint: copy it from a clone" in output


def test_metadata(repo: Repo) -> None:
    for epoch in (3, 4):
        repo.write("m.safetensors", safetensors_bytes(WEIGHTS, {"epoch": str(epoch), "kept": "x"}))
        repo.commit()
    (change,) = diff(repo, "HEAD~1", "HEAD")
    assert change["values"] == [{"name": "__metadata__/epoch", "old": "'3'", "new": "'4'"}]
    output = repo.theta("diff", "HEAD~1", "HEAD")
    assert "no parameter changed" in output
    assert "    ~ __metadata__/epoch: '3' -> '4'\n" in output


def test_many_lines_are_cut(repo: Repo) -> None:
    arrays = {f"{'ab' * (i + 1)}": np.ones(1, "f4") * i for i in range(70)}
    repo.write("a.safetensors", safetensors_bytes(arrays))
    repo.write("b.safetensors", safetensors_bytes({name: value + 1 for name, value in arrays.items()}))
    output = repo.theta("diff", "a.safetensors", "b.safetensors")
    assert output.count("    ~ ab") == 60
    assert output.endswith("    … and 10 more parameters\n")
    assert repo.theta("diff", "--all", "a.safetensors", "b.safetensors").count("    ~ ab") == 70


def test_a_conflict(history: Repo) -> None:
    history.git("checkout", "-q", "-b", "side", "HEAD~1")
    history.write(NAME, safetensors_bytes({**WEIGHTS, "small": WEIGHTS["small"] - 1}))
    history.commit()
    history.git("merge", "-s", "resolve", "main", ok=False)
    assert "in conflict; take a side" in history.theta("diff")
    (change,) = diff(history)
    assert change["old"]["problem"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nothing",), "neither a revision nor a path"),
        (("nothing", "--"), "isn't a revision"),
        (("HEAD", "HEAD~1", "HEAD", "--"), "more than two revisions"),
        (("--cached", "HEAD~1", "HEAD"), "--cached"),
        (("--no-index", "a"), "two files"),
        (("HEAD:gone", f"HEAD:{NAME}"), "gone"),
    ],
)
def test_mistakes(history: Repo, words: tuple[str, ...], message: str) -> None:
    done = history.run_theta("diff", *words, ok=False)
    assert done.returncode == 2
    assert message in done.stderr


def test_a_deleted_path_can_be_named(history: Repo) -> None:
    history.git("rm", "-q", "--", NAME)
    assert changes(history, "--cached", "--", NAME) == dict.fromkeys(TUNED, "removed")


def test_a_bare_repository(history: Repo, tmp_path: Any) -> None:
    subprocess.run(["git", "clone", "-q", "--bare", str(history.path), str(tmp_path / "bare")], check=True)
    assert changes(Repo(tmp_path / "bare"), "HEAD~1", "HEAD") == {"small": "modified"}


def test_values_of_other_files_of_the_old_version_cost_nothing(repo: Repo) -> None:
    random = np.random.default_rng(0)
    one, two = ({name: random.random((64, 64), dtype="f4")} for name in "ab")
    repo.write("models/1.safetensors", safetensors_bytes(one))
    repo.write("models/2.safetensors", safetensors_bytes(two))
    repo.commit()
    for name in ("1", "2"):
        (repo.path / f"models/{name}.safetensors").unlink()
    repo.write("all.safetensors", safetensors_bytes({**one, **two}))
    repo.git("add", "-A")
    for words in (("--cached",), ("HEAD~1", "HEAD")):
        inside = Repo(repo.path / "models")
        inside.path.mkdir(exist_ok=True)
        found = {change["path"]: change for change in diff(inside, *words)}["all.safetensors"]
        assert [row["stored"] for row in found["parameters"]] == [0, 0]
        assert 0 < found["stored"] < 1000
        repo.git("commit", "-q", "--allow-empty", "-m", "consolidated")
    spent = json.loads(repo.theta("du", "--json"))["revisions"][-1]["stored"]
    assert found["stored"] == spent
    repo.write("copy.safetensors", safetensors_bytes(one))
    repo.git("add", "-A", "-N")
    repo.theta("diff")
    repo.git("add", "-A")
    (copied,) = diff(repo, "--cached")
    assert copied["stored"] < 1000


def test_structure(history: Repo) -> None:
    found = history.theta("diff", "--structure", "HEAD~1", "HEAD").splitlines()
    assert found[0].startswith(f"{NAME}: ")
    assert found[0].endswith("; divergence 0 in structure, 0.5 with values")
    assert history.theta("diff", "--structure", "HEAD~1", "HEAD", "--", "elsewhere") == ""
    (change,) = diff(history, "--structure", "HEAD~1", "HEAD", "--", NAME)
    assert change["divergence"]["structural"] == 0
    assert [module["change"] for module in change["modules"]] == ["changed"]
    (change,) = diff(history, "--structure", f"HEAD~1:{NAME}", NAME)
    assert change["divergence"]["structural"] == 0
    (change,) = diff(history, "--structure", f"HEAD:{NAME}", f"HEAD:{NAME}")
    assert (change["divergence"], change["modules"]) == ({"structural": 0, "contextual": 0}, [])


def test_structure_reads_no_values(history: Repo) -> None:
    message = history.theta("diff", "--structure", "--stat-values", ok=False)
    assert "--structure reads no values" in message
