"""`git theta lineage show --html`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.helpers.lineage_models import BASE, MNLI, SST, weights
from tests.helpers.repo import Repo


@pytest.fixture
def family(repo: Repo) -> Repo:
    repo.write(BASE, weights())
    repo.write(SST, weights(3))
    repo.write(MNLI, weights(2, 3, 3))
    repo.commit("models")
    repo.theta("lineage", "add", SST, "--from", BASE, "--relation", "finetune", "--why", "for sentiment")
    repo.theta("lineage", "add", BASE, "--from", "hf:org/name")
    repo.write(SST, weights(3, 3))
    repo.commit("tuned more")
    return repo


def facts(repo: Repo, *words: str) -> dict[str, Any]:
    assert repo.run_theta("lineage", "show", *words, "--html", "a.html").stdout == ""
    text = repo.read("a.html").decode()
    found: dict[str, Any] = json.loads(text.split('id="lineage">')[1].split("</script>")[0])
    return found


def test_the_page_has_what_is_known(family: Repo) -> None:
    found = facts(family)
    models = {model["name"]: model for model in found["models"]}
    assert list(models) == [BASE, MNLI, SST, "hf:org/name"]
    tuned = models[SST]
    assert [found["commits"][place][2] for place in tuned["versions"]] == ["tuned more", "models"]
    assert found["structures"] == [[["l.{0-3}", 4, "F32", "16x16", "4.1 KB"]]]
    assert (tuned["structure"], tuned["new"]) == (0, [1])
    assert "made for another version" in tuned["problems"][0]
    assert {"stored as", "of its own", "digest"} <= dict(tuned["facts"]).keys()
    assert found["edges"][-1]["facts"] == ["75% of the bytes are equal", "recorded"]
    assert tuned["reasons"] == ["for sentiment"]


def test_a_part_of_the_graph(family: Repo) -> None:
    assert [model["name"] for model in facts(family, "sst2", "--ancestors")["models"]] == [
        BASE,
        SST,
        "hf:org/name",
    ]
    assert b"<h1>Lineage of sst2/model.safetensors</h1>" in family.read("a.html")
    assert facts(family, "--rev", "HEAD~1")["edges"] == []
    assert b"<h1>Lineage at HEAD~1</h1>" in family.read("a.html")


def test_commands_of_records(family: Repo) -> None:
    path = f".theta/lineage/{SST}.toml"
    text = family.read(path).decode() + '\n[run]\ncommand = ["make", "{out}"]\nseed = 3\n'
    family.write(path, text.encode())
    run = next(model["run"] for model in facts(family)["models"] if model["name"] == SST)
    assert run["command"] == ["make", "{out}"]
    assert dict(run["facts"])["seed"] == "3"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--html", "."), "is a folder"),
        (("--html", "a.html", "--json"), "--html and --json are different outputs"),
        (("nothing", "--html", "a.html"), "isn't a model"),
    ],
)
def test_refusals(family: Repo, words: tuple[str, ...], message: str) -> None:
    before = os.listdir(family.path)
    done = family.run_theta("lineage", "show", *words, ok=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert os.listdir(family.path) == before


def test_without_jinja2_nothing_is_written(family: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    done = family.run_theta("lineage", "show", "--html", "a.html", ok=False)
    assert done.returncode == 2
    assert re.search("--html needs Jinja2", done.stderr)
    assert not (family.path / "a.html").exists()


def test_the_tree_does_without_jinja2() -> None:
    code = "import sys, git_theta.cli.lineage.show; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"jinja2", "markupsafe", "numpy"} & set(loaded.split())


def test_recorded_results_are_charts_of_their_models(family: Repo) -> None:
    assert "metrics" not in facts(family)["models"][2]
    family.theta(
        *("test", "add", "size", "--on", "sst2", "--metric", "regex:[0-9]+"),
        *("--", "sh", "-c", "cksum < {model}"),
    )
    family.theta("test", "run", "--record")
    newest = family.commit("result")[:10]
    family.write(SST, weights(3, 3, 3))
    family.commit("tuned even more")
    family.theta("test", "run", "--record")
    points = facts(family)["models"][2]["metrics"]["size"]
    assert [type(value) for _, value in points] == [float, float]
    assert points[0][0] != newest, "the result belongs to the version, not to the commit that recorded it"
    assert [commit for commit, _ in points] == family.git(
        "log", "--format=%h", "--abbrev=10", "-2", "--", SST
    ).split()[::-1]
