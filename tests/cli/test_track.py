from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.git_versions import pretended_version
from tests.helpers.repo import Repo
from tests.helpers.small_history import Json

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


def test_a_strategy_is_written_listed_replaced_and_removed(repo: Repo, report: Json) -> None:
    output = repo.theta("track", "--merge", "ties, density=0.3,weights=1:2", "a*.pt")
    assert "Tracking a*.pt theta-merge=ties,density=0.3,weights=1:2\n" in output
    repo.theta("track", "--update", "dense", "a*.pt")
    written = "theta-update=dense theta-merge=ties,density=0.3,weights=1:2"
    assert f"a*.pt {written} (.gitattributes)\n" in repo.theta("track")
    repo.theta("track", "--merge", "average", "a*.pt")
    assert line(repo, "a*.pt") == f"a*.pt {THETA} theta-update=dense theta-merge=average"
    listed = {row["pattern"]: row["merge"] for row in report(repo, "track")}
    assert listed == {"*.safetensors": None, "*.pt": None, "*.bin": None, "a*.pt": "average"}
    repo.theta("untrack", "a*.pt")
    assert "theta-merge" not in repo.read(".gitattributes").decode()


def test_a_tracked_pattern_gets_an_update(repo: Repo) -> None:
    repo.theta("track", "--update", "auto", "*.pt", "*.safetensors")
    for pattern in ("*.pt", "*.safetensors"):
        assert line(repo, f"{pattern} ") == f"{pattern} {THETA} theta-update=auto"


@pytest.mark.parametrize(
    ("args", "output"),
    [
        (["--update", "nonesuch", "*.x"], "there's no update called 'nonesuch'; known: dense, delta"),
        (["--update", "quantized", "*.x"], "never chooses 'quantized'"),
        (["--update", "delta,quantized", "*.x"], "never chooses 'quantized'"),
        (["--update", "", "*.x"], "isn't a list of updates"),
        (["--update", "delta,,", "*.x"], "isn't a list of updates"),
        (["--update", "dense"], "need a pattern"),
        (["--merge", "ties"], "need a pattern"),
        (["--merge", "nonesuch", "*.x"], "there's no merge strategy called 'nonesuch'"),
        (["--merge", "ties,depth=1", "*.x"], "'ties' has no option 'depth'"),
        (["--merge", "ties,density=much", "*.x"], "isn't a list of numbers"),
        (["--merge", "ties,density", "*.x"], "isn't OPTION=VALUE"),
        (["--merge", "ties density=0.3", "*.x"], "isn't a strategy with options"),
        (["--merge", "ties,,", "*.x"], "isn't a strategy with options"),
        (["--merge", "", "*.x"], "isn't a strategy with options"),
    ],
)
def test_an_invalid_update_changes_nothing(repo: Repo, args: list[str], output: str) -> None:
    before = repo.read(".gitattributes")
    done = repo.run_theta("track", *args, ok=False)
    assert done.returncode == 2
    assert output in done.stderr
    assert "Traceback" not in done.stderr
    assert repo.read(".gitattributes") == before


def test_a_git_that_is_too_old_is_refused_and_nothing_is_written(repo: Repo, tmp_path: Path) -> None:
    before = repo.read(".gitattributes")
    env = pretended_version(tmp_path / "bin", "2.30.2")
    done = repo.run_theta("track", "*.gguf", ok=False, env=env)
    assert done.returncode != 0
    assert "git-theta needs git 2.31 or newer; this is git 2.30.2" in done.stderr
    assert repo.read(".gitattributes") == before
