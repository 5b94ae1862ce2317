from __future__ import annotations

import json

from tests.helpers.repo import Repo


def test_a_pattern_is_tracked_and_untracked(repo: Repo) -> None:
    assert "Tracking models/*.gguf" in repo.theta("track", "models/*.gguf")
    listed = json.loads(repo.theta("track", "--json"))
    assert {"pattern": "models/*.gguf", "source": ".gitattributes", "update": None, "merge": None} in listed
    repo.theta("untrack", "models/*.gguf")
    assert "gguf" not in repo.theta("track")
    assert "not tracked" in repo.theta("untrack", "models/*.gguf", ok=False)
