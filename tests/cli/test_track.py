from __future__ import annotations

import sys

import pytest

from tests.cli.conftest import Json
from tests.conftest import Repo

THETA = "filter=theta diff=theta merge=theta -text"


def line(repo: Repo, pattern: str) -> str:
    (found,) = (
        text for text in repo.read(".gitattributes").decode().splitlines() if text.startswith(pattern)
    )
    return found


def test_an_update_is_written_listed_replaced_and_removed(repo: Repo, report: Json) -> None:
    assert "Tracking opt*.pt theta-update=dense\n" in repo.theta("track", "--update", "dense", "opt*.pt")
    assert line(repo, "opt*.pt") == f"opt*.pt {THETA} theta-update=dense"
    assert "opt*.pt theta-update=dense (.gitattributes)\n" in repo.theta("track")
    repo.theta("track", "--update", " delta, sparse ", "opt*.pt")
    assert line(repo, "opt*.pt") == f"opt*.pt {THETA} theta-update=delta,sparse"
    assert "Already tracked: opt*.pt theta-update=delta,sparse\n" in repo.theta("track", "opt*.pt")
    listed = {row["pattern"]: row["update"] for row in report(repo, "track")}
    assert listed == {"*.safetensors": None, "*.pt": None, "*.bin": None, "opt*.pt": "delta,sparse"}
    repo.theta("untrack", "opt*.pt")
    assert "opt" not in repo.read(".gitattributes").decode()


def test_a_tracked_pattern_gets_an_update(repo: Repo) -> None:
    repo.theta("track", "--update", "auto", "*.pt", "*.safetensors")
    for pattern in ("*.pt", "*.safetensors"):
        assert line(repo, f"{pattern} ") == f"{pattern} {THETA} theta-update=auto"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--update", "nonesuch", "*.x"], "there's no update called 'nonesuch'; known: dense, delta"),
        (["--update", "quantized", "*.x"], "never chooses 'quantized'"),
        (["--update", "delta,ia3", "*.x"], "never chooses 'ia3'"),
        (["--update", "", "*.x"], "isn't a list of updates"),
        (["--update", "delta,,", "*.x"], "isn't a list of updates"),
        (["--update", "dense"], "needs a pattern"),
    ],
)
def test_a_senseless_update_changes_nothing(repo: Repo, args: list[str], said: str) -> None:
    before = repo.read(".gitattributes")
    done = repo.run(sys.executable, "-m", "git_theta", "track", *args, ok=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert repo.read(".gitattributes") == before
