from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo
from tests.helpers.small_history import NAME


def heading(repo: Repo, name: str = "a.html") -> str:
    return repo.read(name).decode().split("<h1>")[1].split("</h1>")[0]


def test_the_page_has_figures_if_asked(history: Repo) -> None:
    short = [history.git("rev-parse", "--short", rev).strip() for rev in ("HEAD~1", "HEAD")]
    assert history.theta("diff", "--html", "a.html", "HEAD~1", "HEAD") == ""
    assert heading(history) == f"HEAD~1 ({short[0]}) → HEAD ({short[1]})"
    assert 'data-key="relative"' not in history.read("a.html").decode()
    assert history.theta("diff", "--stat-values", "--html", "a.html", f"{short[0]}..") == ""
    text = history.read("a.html").decode()
    assert heading(history) == f"{short[0]} → HEAD ({short[1]})"
    shown = NAME.replace("/", "/<wbr>").replace(".", ".<wbr>")
    assert f'<h2 id="file-1">{shown}</h2>' in text
    assert 'data-key="relative"' in text
    assert 'path class="bins"' in text


def test_the_page_has_a_line_about_structure_if_asked(history: Repo) -> None:
    words = ("diff", "--html", "a.html", "--stat-values", "HEAD~1", "HEAD")
    history.theta(*words)
    assert "Structure: " not in history.read("a.html").decode()
    history.theta(*words, "--structure")
    assert "Structure: 3 modules: 1 with other values; divergence 0 in structure, 0.5 with values." in (
        history.read("a.html").decode()
    )


def test_index_and_work_tree(history: Repo) -> None:
    history.write(NAME, safetensors_bytes({"other": np.ones(3, "f4")}))
    (history.path / "sub").mkdir()
    inside = Repo(history.path / "sub")
    # The file is where the user is, though the comparison goes to the top.
    assert inside.theta("diff", "--html", "a.html") == ""
    assert heading(inside) == "index → work tree"
    inside.theta("diff", "--html", "a.html", "main")
    assert heading(inside).endswith(") → work tree")
    inside.theta("diff", "--html", "a.html", "--cached")
    assert heading(inside) == "HEAD → index"
    assert "No checkpoint changed." in inside.read("a.html").decode()


def test_two_files(history: Repo) -> None:
    history.write("b.safetensors", safetensors_bytes({"other": np.ones(3, "f4")}))
    history.theta("diff", "--no-index", "--html", "a.html", NAME, "b.safetensors")
    assert heading(history) == "Changed parameters"
    assert "b.<wbr>safetensors" in history.read("a.html").decode()


@pytest.mark.parametrize(
    ("args", "output"),
    [
        (("--html", "."), "is a folder"),
        (("--html", "none/a.html"), "none/a.html can't be written: No such file or directory"),
        (("--html", "a.html", "--json"), "--html and --json are different outputs"),
        (("--html", "a.html", "nonsense"), "is neither a revision nor a path"),
    ],
)
def test_refusals(history: Repo, args: tuple[str, ...], output: str) -> None:
    before = os.listdir(history.path)
    done = history.run_theta("diff", *args, ok=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert output in done.stderr
    assert os.listdir(history.path) == before


def test_without_jinja2_nothing_is_compared_or_written(
    history: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    done = history.run_theta("diff", "--html", "a.html", "HEAD~1", "HEAD", ok=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--html needs Jinja2, which isn't installed" in done.stderr
    assert "pip install 'git-theta[html]'" in done.stderr
    assert not (history.path / "a.html").exists()
    assert "1 of 3 parameters changed" in history.theta("diff", "HEAD~1", "HEAD")


def test_other_commands_do_without_jinja2() -> None:
    code = "import sys, git_theta.cli.diff, git_theta.report.html.page; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"jinja2", "markupsafe", "numpy"} & set(loaded.split())
