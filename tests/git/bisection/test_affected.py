from __future__ import annotations

from git_theta.git.bisection.affected import affected_models
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from tests.helpers.histories import History


def record(parent: str, model: str = "") -> bytes:
    version = f'model = "{model}"\n' if model else ""
    return f'relation = "finetune"\n[[parent]]\npath = "{parent}"\n{version}'.encode()


def test_children_of_good_versions_are_spared_with_their_descendants(made: History) -> None:
    good, bad = (f"blake3:{digit * 64}" for digit in "0f")
    parents = {
        "early": record("base.bin", good),
        "late": record("base.bin", bad),
        "unknown": record("base.bin"),
        "of_early": record("early.bin"),
        "of_late": record("late.bin"),
    }
    files: dict[str, dict[str, str] | bytes] = {f"{name}.bin": {"w": name} for name in (*parents, "base")}
    files |= {f".theta/lineage/{name}.bin.toml": text for name, text in parents.items()}
    made.commit("all", **files)
    with LineageTree(Repository(Git()), "all") as tree:
        assert affected_models(tree, "base.bin", {good}) == ["late.bin", "unknown.bin", "of_late.bin"]
        assert len(affected_models(tree, "base.bin", ())) == 5
        assert affected_models(tree, "gone.bin", ()) == []
