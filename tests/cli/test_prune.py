from __future__ import annotations

import os

import numpy as np
import pytest

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo
from tests.helpers.small_history import Json
from tests.helpers.small_models import NAME, A


@pytest.fixture
def stale(repo: Repo) -> Repo:
    """A repository with an old object that only a dropped version in Git's database names, and one in use."""
    repo.write(NAME, A)
    repo.git("add", "-A")
    repo.write(NAME, safetensors_bytes({"other": np.arange(3000, dtype="f4")}))
    repo.commit()
    for path in repo.objects:
        os.utime(path, (0, 0))
    return repo


def test_summary_list_and_json(stale: Repo, report: Json) -> None:
    kept = f"{len(stale.objects)} objects kept (1 in use, 1 of dropped versions), 0 would be deleted"
    text = stale.theta("prune", "--dry-run", "--verbose")
    assert kept in text
    assert "There's no remote, so only objects that no version names or needs may be deleted." in text
    assert text.startswith("object ")
    found = report(stale, "prune", "--dry-run")
    assert (found["dry_run"], found["remote"], found["verified"], found["freed"]) == (True, "", False, 0)
    assert sorted(item["why"] for item in found["kept"]) == ["dropped", "in use"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--recent", "10 dogs"], "'10 dogs' isn't a duration"),
        (["--remote", "nonesuch"], "there's no remote 'nonesuch'"),
    ],
)
def test_errors(repo: Repo, args: list[str], message: str) -> None:
    done = repo.run_theta("prune", *args, ok=False)
    assert done.returncode == 2
    assert message in done.stderr


def test_a_wrong_setting_is_named(repo: Repo) -> None:
    repo.git("config", "theta.pruneRecent", "soon")
    assert "theta.pruneRecent: 'soon' isn't a duration" in repo.theta("prune", ok=False)
