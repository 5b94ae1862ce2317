from __future__ import annotations

import numpy as np

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

NAME = "m.safetensors"


def test_a_rule_that_stops_the_merge_is_said_until_it_is_corrected(repo: Repo) -> None:
    attributes = repo.read(".gitattributes")
    repo.write(".gitattributes", attributes + b"*.safetensors theta-merge=avrage\n")
    for branch, value in (("main", 0), ("side", 1), ("mine", 3)):
        if branch != "main":
            repo.git("checkout", "-qb", branch, *(["HEAD~1"] if branch == "mine" else []))
        repo.write(NAME, safetensors_bytes({"w": np.full((8, 8), value, "f4")}))
        repo.commit()
    repo.git("merge", "side", ok=False)
    said = repo.theta("resolve", ok=False)
    assert f"{NAME}: can't be merged: the attribute theta-merge" in said
    assert "did you mean 'average'?" in said
    assert "-s ours" not in said
    repo.write(".gitattributes", attributes + b"*.safetensors theta-merge=average\n")
    assert f"git theta resolve {NAME}" in repo.theta("resolve", ok=False)
    assert "1 averaged" in repo.theta("resolve", NAME)
    assert not repo.git("ls-files", "-u")
