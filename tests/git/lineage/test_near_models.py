"""The models near one, among many."""

from __future__ import annotations

import numpy as np
import pytest

from git_theta.git.lineage import near_models as module
from git_theta.git.lineage.near_models import near_models
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from tests.helpers import families
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo


def test_near_ones_of_many(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    base, other = families.base(random), families.base(random)
    tuned = families.tuned(random, base)
    commits = (
        {"base": base, "other": other},
        {"tuned": tuned, "unlike": families.tuned(random, other)},
        {"later": families.tuned(random, tuned), "stranger": families.base(random)},
    )
    for models in commits:
        for name, arrays in models.items():
            repo.write(f"{name}.safetensors", safetensors_bytes(arrays))
        repo.commit("models")
    names = {name: f"{name}.safetensors" for models in commits for name in models}

    def near(*chosen: str) -> set[str]:
        with LineageTree(Repository(Git(repo.path))) as tree:
            return set(near_models(tree, [names[each] for each in chosen]))

    assert near("later") == set(names.values())
    monkeypatch.setattr(module, "_FEW", 5)
    assert near("later") == {names["base"], names["tuned"], names["later"]}
    assert near("later", "unlike") == set(names.values()) - {names["stranger"]}
    # It has nothing in common with any: its relatives may have been stored in another form.
    assert near("stranger") == set(names.values())
