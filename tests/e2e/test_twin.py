"""A repository that tracks its checkpoints behaves like a plain one, in any sequence of commands.

The commands follow each other within fractions of a second, where a file's time says least about it.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.read_only import may_mount, read_only
from tests.helpers.repo import Repo
from tests.helpers.twins import DEEP, NAME, TEXT, VERSIONS, Twins, check_times, times
from tests.helpers.variants import mostly_slow

#: A hook of the user that looks at the files.
_HOOK = f"""#!/bin/sh
sha256sum {NAME} {DEEP} >> .git/seen 2>/dev/null
exit 0
"""
_HOOKS = ("post-checkout", "post-merge", "post-commit", "post-rewrite")

_ALL = "/*\n"
_WITHOUT_MODEL = f"/*\n!/{NAME}\n"


def step(twins: Twins, chance: random.Random, count: int) -> str:
    """Do one random step; returns its description."""
    commands = {
        **changes(twins, chance, count),
        **checkouts(twins, chance),
        **merges(twins, chance, count),
        **stashes(twins, chance),
        **others(twins, chance, count),
    }
    what = chance.choice(sorted(commands))
    commands[what]()
    return what


Steps = dict[str, Callable[[], object]]


def changes(twins: Twins, chance: random.Random, count: int) -> Steps:
    """Changes of files, and commits of them."""
    version, name = chance.randrange(len(VERSIONS)), chance.choice([NAME, DEEP])

    def write(top: Path) -> None:
        (top / name).parent.mkdir(exist_ok=True)
        (top / name).write_bytes(VERSIONS[version])

    return {
        f"write {name} {version}": lambda: twins.each(write),
        f"write {TEXT}": lambda: twins.each(lambda top: (top / TEXT).write_text(f"{count}\n")),
        f"touch {name}": lambda: twins.each(lambda top: (top / name).exists() and os.utime(top / name)),
        f"delete {name}": lambda: twins.each(lambda top: (top / name).unlink(missing_ok=True)),
        "add": lambda: twins.git("add", "-A"),
        f"commit {count}": lambda: twins.git("commit", "-q", "--allow-empty", "-m", f"commit {count}"),
        f"commit -a {count}": lambda: twins.git("commit", "-q", "--allow-empty", "-am", f"commit {count}"),
    }


def checkouts(twins: Twins, chance: random.Random) -> Steps:
    """Commands that write files of another version."""
    branch, rev, name = branch_of(chance), rev_of(chance), chance.choice([NAME, DEEP, "."])
    return {
        f"switch {branch}": lambda: twins.git("checkout", "-q", branch),
        f"switch -f {branch}": lambda: twins.git("checkout", "-q", "-f", branch),
        f"switch -m {branch}": lambda: twins.git("checkout", "-q", "-m", branch),
        f"branch {branch}": lambda: twins.git("checkout", "-q", "-B", branch),
        f"detach {rev}": lambda: twins.git("checkout", "-q", "--detach", rev),
        f"restore {name}": lambda: twins.git("restore", name),
        f"restore -s {rev} {name}": lambda: twins.git("restore", "-s", rev, name),
        f"restore --staged {name}": lambda: twins.git("restore", "--staged", name),
        f"checkout {rev} -- {name}": lambda: twins.git("checkout", rev, "--", name),
        f"checkout-index {name}": lambda: twins.git("checkout-index", "-f", "-u", "-a"),
        "reset --hard": lambda: twins.git("reset", "-q", "--hard"),
        f"reset --hard {rev}": lambda: twins.git("reset", "-q", "--hard", rev),
        f"reset --soft {rev}": lambda: twins.git("reset", "-q", "--soft", rev),
        f"reset --keep {rev}": lambda: twins.git("reset", "-q", "--keep", rev),
        f"reset {rev}": lambda: twins.git("reset", "-q", rev),
        f"read-tree {rev}": lambda: twins.git("read-tree", "-u", "--reset", rev),
    }


def merges(twins: Twins, chance: random.Random, count: int) -> Steps:
    """Merges and copies of commits, which may end in a conflict, and their ends."""
    rev, side = rev_of(chance), chance.choice(["--ours", "--theirs"])
    message = ("-q", "-m", f"merge {count}")

    def octopus() -> None:
        """Merge two branches of which each changed a file of its own."""
        for name, files in (("one", NAME), ("two", DEEP)):
            twins.git("branch", "-f", name)
            twins.git("read-tree", "HEAD")
            for repo in twins.both:
                found = repo.run(
                    "git", "rev-parse", "-q", "--verify", f"{rev}:{files}", ok=False
                ).stdout.strip()
                if found:
                    repo.git("update-index", "--add", "--cacheinfo", f"100644,{found},{files}")
                tree = repo.git("write-tree").strip()
                made = repo.git("commit-tree", "-p", "HEAD", "-m", name, tree).strip()
                repo.git("branch", "-f", name, made)
        twins.git("reset", "-q", "--hard")
        twins.git("merge", *message, "one", "two")

    return {
        f"merge {rev}": lambda: twins.git("merge", *message, rev),
        f"merge -s resolve {rev}": lambda: twins.git(
            "merge", "-q", "-s", "resolve", "-m", f"merge {count}", rev
        ),
        f"merge -X theirs {rev}": lambda: twins.git(
            "merge", "-q", "-X", "theirs", "-m", f"merge {count}", rev
        ),
        f"octopus with files of {rev}": octopus,
        f"cherry-pick {rev}": lambda: twins.git("cherry-pick", rev),
        f"revert {rev}": lambda: twins.git("revert", "--no-edit", rev),
        f"rebase {rev}": lambda: twins.git("rebase", "-q", rev),
        f"rebase --apply {rev}": lambda: twins.git("rebase", "-q", "--apply", rev),
        f"checkout {side}": lambda: twins.git("checkout", side, "--", "."),
        "abort": lambda: [
            twins.git(what, "--abort") for what in ("merge", "cherry-pick", "revert", "rebase")
        ],
    }


def stashes(twins: Twins, chance: random.Random) -> Steps:
    branch = branch_of(chance)
    return {
        "stash and pop": lambda: (twins.git("stash"), twins.git("stash", "pop")),
        "stash and pop --index": lambda: (twins.git("stash"), twins.git("stash", "pop", "--index")),
        "stash -k, drop": lambda: (twins.git("stash", "-k"), twins.git("stash", "drop", "-q")),
        "stash -u": lambda: twins.git("stash", "push", "-q", "-u"),
        f"stash {NAME}": lambda: twins.git("stash", "push", "-q", "--", NAME),
        "stash apply": lambda: twins.git("stash", "apply"),
        "stash apply --index": lambda: twins.git("stash", "apply", "--index"),
        "stash pop": lambda: twins.git("stash", "pop"),
        f"stash over {branch}": lambda: [
            twins.git(*words) for words in (("stash",), ("checkout", "-q", "-f", branch), ("stash", "pop"))
        ],
    }


def others(twins: Twins, chance: random.Random, count: int) -> Steps:
    """Linked worktrees, submodules, sparse checkouts, bundles, and reading without a right to write."""
    rev, other = rev_of(chance), branch_of(chance)

    def worktree() -> None:
        linked = twins.folder(f".git/linked-{count}")
        for repo, place in zip(twins.both, linked.both, strict=True):
            repo.git("worktree", "add", "-q", "--detach", str(place.path), "HEAD")
        linked.check()
        linked.each(lambda top: (top / NAME).write_bytes(VERSIONS[count % len(VERSIONS)]))
        linked.git("checkout", "-q", "--detach", rev)
        linked.check(locks=False)
        for repo, place in zip(twins.both, linked.both, strict=True):
            repo.git("worktree", "remove", "--force", str(place.path))

    def submodule() -> None:
        """Have each twin as a submodule, in a superproject that moves it to another commit and back."""
        top, inside = f".git/super-{count}", f".git/super-{count}/sub"
        trusting = ("-c", "protocol.file.allow=always")
        for repo in twins.both:
            repo.git("init", "-q", top)
            outer = Repo(repo.path / top)
            outer.git(*trusting, "submodule", "--quiet", "add", str(repo.path), "sub")
            attributes = (repo.path / ".git/info/attributes").read_text()
            (outer.path / ".git/modules/sub/info").mkdir(exist_ok=True)
            (outer.path / ".git/modules/sub/info/attributes").write_text(attributes)
            outer.git("-C", "sub", "rm", "-rq", "--cached", ".")
            outer.git("-C", "sub", "reset", "-q", "--hard")
            outer.git("commit", "-qm", "submodule")
        outer_twins, inner = twins.folder(top), twins.folder(inside)
        inner.check()
        inner.each(lambda path: (path / NAME).write_bytes(VERSIONS[count % len(VERSIONS)]))
        inner.check(locks=False)
        inner.git("checkout", "-q", "--detach", "HEAD~1")
        outer_twins.git("submodule", "--quiet", "update", "--force")
        inner.check()
        outer_twins.git("reset", "-q", "--hard", "--recurse-submodules")
        inner.check()

    def bundle() -> None:
        twins.git("bundle", "create", "-q", ".git/all.bundle", "--all")
        twins.git("fetch", "-q", ".git/all.bundle", f"+refs/heads/{other}:refs/bundled/{other}")
        twins.git("checkout", "-q", "--detach", f"refs/bundled/{other}")

    def sparse(patterns: str) -> None:
        twins.each(lambda top: (top / ".git/info").mkdir(exist_ok=True))
        twins.each(lambda top: (top / ".git/info/sparse-checkout").write_text(patterns))
        twins.git("config", "core.sparseCheckout", "true")
        twins.git("sparse-checkout", "reapply")

    def read() -> None:
        """Look at state and files where nothing can be written."""
        command = f"git status --porcelain; git cat-file --filters HEAD:{NAME}; git archive HEAD | tar xO"
        ours, theirs = (read_only(repo.path, command) for repo in twins.both)
        assert ours == theirs

    return {
        f"worktree of {rev}": worktree,
        "submodule": submodule,
        **({"read only": read} if may_mount() else {}),
        f"bundle of {other}": bundle,
        "sparse without model": lambda: sparse(_WITHOUT_MODEL),
        "sparse with all": lambda: sparse(_ALL),
        "sparse, top only": lambda: twins.git("sparse-checkout", "set"),
        "not sparse": lambda: twins.git("sparse-checkout", "disable"),
    }


def branch_of(chance: random.Random) -> str:
    return chance.choice(["main", "other", "third"])


def rev_of(chance: random.Random) -> str:
    return chance.choice(["HEAD", "HEAD~1", "main", "other", "third"])


def live(
    twins: Twins, seed: int, steps: int, step: Callable[[Twins, random.Random, int], str] = step
) -> None:
    chance = random.Random(seed)
    done: list[str] = []
    for count in range(steps):
        before, began = times(twins.tracking), time.time_ns()
        try:
            done.append("…")
            done[-1] = step(twins, chance, count)
            check_times(before, times(twins.tracking), began)
            twins.check(locks=chance.random() < 0.7)
        except (AssertionError, ValueError) as error:
            raise AssertionError(f"after {', '.join(done)}") from error


def prepare(repo: Repo, variant: str) -> None:
    """Make three branches, of one commit each, and hooks that look at the files."""
    if "minimal" in variant:
        repo.git("config", "core.checkStat", "minimal")
    if "hooks" in variant:
        hooks = repo.path / ".git" / "hooks"
        hooks.mkdir(exist_ok=True)
        for name in _HOOKS:
            (hooks / name).write_text(_HOOK)
            (hooks / name).chmod(0o755)
    repo.git("checkout", "-q", "-B", "main")
    (repo.path / "deep").mkdir()
    for seed, branch in enumerate(["third", "other", "main"]):
        (repo.path / NAME).write_bytes(VERSIONS[seed])
        (repo.path / DEEP).write_bytes(VERSIONS[seed // 2])
        (repo.path / TEXT).write_text(branch)
        repo.commit(branch)
        if branch != "main":
            repo.git("branch", "-f", branch)


@pytest.fixture(
    params=mostly_slow(
        ["inline", "materialised, hooks", "materialised, minimal stat"],
        quick=["inline", "materialised, hooks"],
    )
)
def twins(tracked: Repo, tmp_path: Path, request: pytest.FixtureRequest) -> Twins:
    tracking = tracked.copy(tmp_path / "tracking")
    tracking.git("config", "theta.materialiseThreshold", "1g" if request.param == "inline" else "1")
    attributes = tracking.read(".gitattributes").decode().replace("merge=theta", "merge=binary")
    (tracking.path / ".gitattributes").unlink()
    plain = Repo(tmp_path / "plain")
    plain.path.mkdir()
    plain.git("init", "-q")
    # A commit may take a file of attributes away, and Git then writes manifests as they are.
    (tracking.path / ".git/info/attributes").write_text(attributes)
    (plain.path / ".git/info/attributes").write_text("*.safetensors -diff merge=binary -text\n")
    for repo in (tracking, plain):
        prepare(repo, request.param)
    return Twins(tracking, plain)


@pytest.mark.parametrize("seed", mostly_slow(range(2), quick=[0]))
def test_twins_stay_alike(twins: Twins, seed: int) -> None:
    live(twins, seed, 9)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 102))
def test_twins_stay_alike_for_long(twins: Twins, seed: int) -> None:
    live(twins, seed, 50)
