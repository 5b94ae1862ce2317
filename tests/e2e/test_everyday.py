"""Ordinary Git commands on checkpoints: each gives back the bytes, and ends with a clean status."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo
from tests.helpers.small_models import NAME, A, B, C, model
from tests.helpers.variants import mostly_slow


@pytest.fixture(scope="module", params=["inline", "materialised"])
def original(tracked: Repo, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Repo:
    """main: A, then B. other: A, then C. Large files are either above or below the threshold."""
    repo = tracked.copy(tmp_path_factory.mktemp("original") / "repo")
    repo.git("config", "theta.materialiseThreshold", "1k" if request.param == "materialised" else "1g")
    repo.write(NAME, A)
    repo.write("notes.txt", b"hello\n")
    repo.commit("base")
    repo.git("branch", "other")
    repo.write(NAME, B)
    repo.commit("main")
    repo.git("checkout", "-q", "other")
    repo.write(NAME, C)
    repo.commit("other")
    repo.git("checkout", "-q", "main")
    return repo


@pytest.fixture
def history(original: Repo, tmp_path: Path) -> Repo:
    """A copy of that."""
    return original.copy(tmp_path / "repo")


def is_clean(repo: Repo, data: bytes) -> bool:
    """The file has these bytes; Git agrees that nothing changed; and it needn't look again."""
    return repo.read(NAME) == data and repo.status() == "" and repo.git("diff-files", "--name-only") == ""


def test_git_stores_the_manifest(history: Repo) -> None:
    text = history.git("cat-file", "-p", f"HEAD:{NAME}")
    assert text.startswith("git-theta manifest 1\nformat safetensors\n")
    assert is_clean(history, B)


def test_switching_and_detaching(history: Repo) -> None:
    for target, data in (("other", C), ("main~1", A), ("main", B), ("-", A)):
        history.git("checkout", "-q", target)
        assert is_clean(history, data)


def test_restoring_from_index_and_revision(history: Repo) -> None:
    (history.path / NAME).unlink()
    history.git("checkout", "--", NAME)
    assert is_clean(history, B)
    history.git("restore", "-s", "other", NAME)
    assert history.read(NAME) == C
    assert history.status() == f" M {NAME}\n"
    history.git("restore", NAME)
    assert is_clean(history, B)


def test_a_restored_version_of_the_same_second_is_no_clean_file(history: Repo) -> None:
    """Some builds of Git compare only sizes and whole seconds, which may be equal in quick succession."""
    history.git("config", "core.checkStat", "minimal")
    (history.path / NAME).unlink()
    history.git("checkout", "--", NAME)
    index = min(time.time(), os.stat(history.path / NAME).st_mtime + 2)
    os.utime(history.path / ".git" / "index", (index, index))
    history.git("restore", "-s", "other", NAME)
    assert history.read(NAME) == C
    assert history.status() == f" M {NAME}\n"
    history.git("add", NAME)
    assert history.git("rev-parse", f":{NAME}") == history.git("rev-parse", f"other:{NAME}")


def test_no_file_is_older_than_its_checkout(history: Repo) -> None:
    """`make`, for example, would take what it made of another version for up to date."""
    for command in ("checkout -q other", "reset -q --hard main~1", f"restore -s main {NAME}"):
        stamp = history.path / ".git" / "stamp"
        stamp.touch()
        history.git(*command.split())
        assert os.stat(history.path / NAME).st_mtime_ns >= stamp.stat().st_mtime_ns


def test_reset_hard(history: Repo) -> None:
    history.git("reset", "-q", "--hard", "HEAD~1")
    assert is_clean(history, A)


def test_stash(history: Repo) -> None:
    history.write(NAME, A)
    history.git("stash")
    assert is_clean(history, B)
    history.git("stash", "pop")
    assert history.read(NAME) == A
    assert history.status() == f" M {NAME}\n"


def test_rebase_cherry_pick_revert(history: Repo) -> None:
    history.git("checkout", "-q", "-b", "text", "main~1")
    history.write("notes.txt", b"more\n")
    history.commit("text")
    history.git("rebase", "-q", "main")
    assert is_clean(history, B)
    history.git("revert", "--no-edit", "main")
    assert is_clean(history, A)
    history.git("cherry-pick", "main")
    assert is_clean(history, B)


def test_rebase_applies_patches(history: Repo) -> None:
    history.git("checkout", "-q", "-b", "text", "main~1")
    history.write("notes.txt", b"more\n")
    history.commit("text")
    history.git("rebase", "-q", "--apply", "main")
    assert is_clean(history, B)


def test_merges(history: Repo) -> None:
    history.git("checkout", "-q", "-b", "text", "main~1")
    history.write("notes.txt", b"more\n")
    history.commit("text")
    history.git("merge", "-q", "--no-edit", "main")
    assert is_clean(history, B)
    history.git("checkout", "-q", "main")
    history.git("merge", "-q", "--ff-only", "text")
    assert is_clean(history, B)


def test_a_strategy_without_drivers_leaves_text_and_aborts_cleanly(history: Repo) -> None:
    output = history.git("merge", "-s", "resolve", "other", ok=False)
    assert "content conflict" in output
    assert b"<<<<<<<" in history.read(NAME)
    history.git("merge", "--abort")
    assert is_clean(history, B)


def test_linked_worktree(history: Repo, tmp_path: Path) -> None:
    history.git("worktree", "add", "-q", str(tmp_path / "wt"), "other")
    linked = Repo(tmp_path / "wt")
    assert is_clean(linked, C)
    linked.write(NAME, A)
    linked.commit()
    assert not (tmp_path / "wt" / ".git" / "theta").exists()


@pytest.mark.parametrize(
    "options",
    mostly_slow([[], ["--depth=1"], ["--filter=blob:none"], ["--no-local"]], quick=[[], ["--depth=1"]]),
)
def test_clones(history: Repo, tmp_path: Path, options: list[str]) -> None:
    history.git("config", "uploadpack.allowFilter", "true")
    history.git("clone", "-q", *options, history.path.as_uri(), str(tmp_path / "clone"))
    clone = Repo(tmp_path / "clone")
    assert is_clean(clone, B)
    if "--depth=1" not in options:
        clone.git("checkout", "-q", "other")
        assert is_clean(clone, C)


def test_submodule(history: Repo, tmp_path: Path) -> None:
    parent = Repo(tmp_path / "parent")
    parent.path.mkdir()
    parent.git("init", "-q")
    parent.git("submodule", "--quiet", "add", history.path.as_uri(), "sub")
    assert is_clean(Repo(parent.path / "sub"), B)


def test_other_ways_to_read_a_version(history: Repo, tmp_path: Path) -> None:
    history.git("archive", "-o", str(tmp_path / "a.tar"), "HEAD~1", NAME)
    assert A in (tmp_path / "a.tar").read_bytes()
    done = subprocess.run(
        ["git", "cat-file", "--filters", f"other:{NAME}"], cwd=history.path, capture_output=True, check=True
    )
    assert done.stdout == C


def test_content_that_is_not_the_file_at_the_path(history: Repo) -> None:
    history.write("elsewhere", C)
    oid = history.git("hash-object", f"--path={NAME}", "elsewhere").strip()
    assert oid == history.git("rev-parse", f"other:{NAME}").strip()
    assert is_clean_but(history, "elsewhere")


def is_clean_but(repo: Repo, name: str) -> bool:
    return repo.status() == f"?? {name}\n"


def test_outside_the_work_tree(history: Repo, tmp_path: Path) -> None:
    (history.path / NAME).unlink()
    elsewhere = Repo(tmp_path)
    elsewhere.git("-C", str(history.path), "checkout", "--", NAME)
    assert is_clean(history, B)
    (history.path / NAME).unlink()
    elsewhere.git(f"--git-dir={history.path}/.git", f"--work-tree={history.path}", "checkout", "--", NAME)
    assert is_clean(history, B)


def test_bare_repository_with_a_work_tree_elsewhere(history: Repo, tmp_path: Path) -> None:
    history.git("clone", "-q", "--bare", str(history.path), str(tmp_path / "bare.git"))
    (tmp_path / "tree").mkdir()
    tree = Repo(tmp_path / "tree")
    tree.git(
        "checkout", "-q", "-f", "main", env={"GIT_DIR": str(tmp_path / "bare.git"), "GIT_WORK_TREE": "."}
    )
    assert tree.read(NAME) == B


@pytest.mark.parametrize("index", ["2", "3", "4", "split"])
def test_forms_of_the_index(history: Repo, index: str) -> None:
    if index == "split":
        history.git("update-index", "--split-index")
    else:
        history.git("update-index", f"--index-version={index}")
    history.git("checkout", "-q", "other")
    assert is_clean(history, C)


def test_sha256_repository(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "r")
    repo.path.mkdir()
    repo.git("init", "-q", "--object-format=sha256")
    repo.git("config", "theta.materialiseThreshold", "1k")
    repo.theta("track", "*.safetensors")
    repo.write(NAME, A)
    repo.commit()
    repo.write(NAME, B)
    repo.commit()
    repo.git("checkout", "-q", "HEAD~1")
    assert is_clean(repo, A)


@pytest.mark.parametrize(
    "name",
    [
        "with space.safetensors",
        "-dash.safetensors",
        "ünï/ço dé.safetensors",
        'quo"te.safetensors',
        "a\nb.safetensors",
    ],
)
def test_file_names(repo: Repo, name: str) -> None:
    for threshold in ("1k", "1g"):
        repo.git("config", "theta.materialiseThreshold", threshold)
        repo.write(name, A)
        repo.git("add", "-A")
        repo.git("commit", "-q", "--allow-empty", "-m", "x")
        (repo.path / name).unlink()
        repo.git("checkout", "--", name)
        assert repo.read(name) == A
        assert repo.status() == ""


def test_touch_is_no_change_and_costs_one_look(history: Repo) -> None:
    os.utime(history.path / NAME, (time.time() - 5,) * 2)
    assert is_clean(history, B)


def test_a_change_of_equal_size_is_seen(history: Repo) -> None:
    changed = bytearray(B)
    changed[-1] ^= 1
    (history.path / NAME).write_bytes(changed)
    assert history.status() == f" M {NAME}\n"
    history.commit()
    history.git("checkout", "-q", "HEAD~1")
    assert is_clean(history, B)
    history.git("checkout", "-q", "main")
    assert is_clean(history, bytes(changed))


def test_adding_the_same_again_gives_the_same_blob(history: Repo) -> None:
    before = history.git("rev-parse", f"HEAD:{NAME}")
    (history.path / ".git" / "theta" / "cache.sqlite").unlink()
    history.write(NAME, B)
    history.git("add", NAME)
    assert history.git("rev-parse", f":{NAME}") == before


def test_content_that_was_seen_before_is_stored_no_second_time(history: Repo) -> None:
    before = history.objects
    history.write(NAME, C)
    history.write("copy.safetensors", C)
    history.commit()
    assert history.objects == before


def test_an_emptied_file(history: Repo) -> None:
    history.write(NAME, b"")
    history.commit()
    history.git("checkout", "-q", "HEAD~1")
    assert is_clean(history, B)
    history.git("checkout", "-q", "main")
    assert is_clean(history, b"")


def test_many_files_in_one_filter_process(repo: Repo, tmp_path: Path) -> None:
    files = {f"adapter-{i:03}.safetensors": model(i, 1) for i in range(60)}
    for name, data in files.items():
        repo.write(name, data)
    trace = tmp_path / "trace"
    repo.git("add", "-A", env={"GIT_TRACE": str(trace)})
    assert filters_started(trace) == 1
    repo.git("commit", "-q", "-m", "adapters")
    for name in files:
        (repo.path / name).unlink()
    trace.unlink()
    repo.git("checkout", "--", ".", env={"GIT_TRACE": str(trace)})
    assert filters_started(trace) == 1
    assert all(repo.read(name) == data for name, data in files.items())
    assert repo.status() == ""


def filters_started(trace: Path) -> int:
    """How many filter processes a traced git command ran."""
    return sum("run_command" in line and "filter-process" in line for line in trace.read_text().splitlines())


def test_one_shot_filters(history: Repo) -> None:
    """Tools that don't speak the process protocol use the other two settings."""
    history.git("config", "theta.materialiseThreshold", "1k")
    settings = history.git("config", "--global", "--list")
    values = dict(line.split("=", 1) for line in settings.splitlines() if line.startswith("filter.theta."))
    history.write(".gitattributes", b"*.safetensors filter=once -text\n")
    for verb in ("clean", "smudge", "required"):
        history.git("config", f"filter.once.{verb}", values[f"filter.theta.{verb}"])
    history.git("add", ".gitattributes")
    history.git("checkout", "other", "--", NAME)
    assert history.read(NAME) == C
    history.write(NAME, A)
    history.git("add", NAME)
    assert history.git("rev-parse", f":{NAME}") == history.git("rev-parse", f"main~1:{NAME}")


def test_without_the_environment_that_it_was_installed_in(history: Repo, sealed: Path) -> None:
    history.write("numpy.py", b"raise SystemExit('code from the repository was run')\n")
    history.write("git_theta/__main__.py", b"raise SystemExit('code from the repository was run')\n")
    bare = ["env", "-i", f"HOME={sealed}", f"GIT_CONFIG_GLOBAL={sealed / '.gitconfig'}", "PATH=/usr/bin:/bin"]
    history.write(NAME, model(9))
    history.run(*bare, "PYTHONHOME=/nonsense", "git", "add", NAME)
    history.run(*bare, "git", "commit", "-q", "-m", "x")
    history.run(*bare, "git", "checkout", "-q", "other")
    assert history.read(NAME) == C


def test_a_missing_installation_says_how_to_repair_it(history: Repo, sealed: Path) -> None:
    settings = (sealed / ".gitconfig").read_text()
    moved = history.path / "moved.gitconfig"
    moved.write_text(settings.replace(sys.executable, "/moved/away/python"))
    (history.path / NAME).unlink()
    output = history.git(
        "checkout", "--", NAME, ok=False, env={"GIT_CONFIG_GLOBAL": str(moved), "PATH": "/usr/bin:/bin"}
    )
    assert "run: git theta install" in output
    history.git("checkout", "--", NAME)
    assert history.read(NAME) == B


@pytest.mark.slow
def test_several_gits_at_once(repo: Repo, tmp_path: Path) -> None:
    repo.write(NAME, A)
    repo.commit()
    trees = []
    for number in range(4):
        repo.git("worktree", "add", "-q", "--detach", str(tmp_path / f"wt{number}"))
        trees.append(Repo(tmp_path / f"wt{number}"))
    for number, tree in enumerate(trees):
        tree.write(NAME, model(100 + number, 20))
    running = [subprocess.Popen(["git", "add", NAME], cwd=tree.path) for tree in trees]
    assert [process.wait(60) for process in running] == [0] * 4
    for number, tree in enumerate(trees):
        (tree.path / NAME).unlink()
        tree.git("checkout", "--", NAME)
        assert tree.read(NAME) == model(100 + number, 20)
    repo.theta("fsck")


def test_committed_whole_files_have_a_hint_to_convert(tmp_path: Path) -> None:
    repo = Repo(tmp_path)
    repo.git("init", "-q")
    repo.write(NAME, A)
    repo.commit()
    assert "git add --renormalize" in repo.theta("track", "*.safetensors")
    repo.git("add", "--renormalize", ".")
    repo.commit()
    assert repo.git("cat-file", "-p", f"HEAD:{NAME}").startswith("git-theta manifest 1")
    assert repo.read(NAME) == A
    assert "git add --renormalize" not in repo.theta("track", "*.safetensors")


def test_the_same_weights_in_two_formats_share_their_objects(repo: Repo) -> None:
    torch = pytest.importorskip("torch")
    arrays = {"w": np.random.default_rng(0).standard_normal((700, 700)).astype("f4")}
    repo.write(NAME, safetensors_bytes(arrays))
    repo.commit()
    before = sum(path.stat().st_size for path in repo.objects)
    path = repo.path / "m.pt"
    torch.save({"w": torch.from_numpy(arrays["w"]), "t": torch.from_numpy(arrays["w"].copy()).t()}, path)
    saved = path.read_bytes()
    repo.commit()
    cost = sum(path.stat().st_size for path in repo.objects) - before
    assert cost < arrays["w"].nbytes
    path.unlink()
    repo.git("checkout", "--", "m.pt")
    assert path.read_bytes() == saved


@pytest.mark.parametrize("killed", ["add", "checkout"])
def test_a_killed_filter_loses_nothing(repo: Repo, killed: str) -> None:
    repo.git("config", "theta.materialiseThreshold", "1k")
    first, second = model(1, 400), model(2, 400)
    repo.write(NAME, first)
    repo.commit()
    repo.write(NAME, second)
    if killed == "checkout":
        repo.commit()
    command = ["add", NAME] if killed == "add" else ["checkout", "-q", "main~1"]
    for delay in (0.05, 0.1, 0.15, 0.2, 0.3):
        process = subprocess.Popen(
            ["git", *command], cwd=repo.path, start_new_session=True, stderr=subprocess.DEVNULL
        )
        time.sleep(delay)
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            break
        finally:
            process.wait()
        time.sleep(0.05)
        (repo.path / ".git" / "index.lock").unlink(missing_ok=True)
        if killed == "add":
            assert repo.read(NAME) == second
        else:
            repo.theta("checkout")
            assert not (repo.path / NAME).exists() or repo.read(NAME) in (first, second)
    repo.git("add", NAME) if killed == "add" else repo.git("checkout", "-q", "-f", "main~1")
    repo.theta("checkout")
    assert repo.read(NAME) == (second if killed == "add" else first)
    assert "error" not in repo.theta("fsck")


def test_another_hook_finds_the_files_written(repo: Repo) -> None:
    """Ours runs before it, also where a rebase goes on with the index that it has in memory."""
    hook = repo.path / ".git" / "hooks" / "post-checkout"
    hook.unlink(missing_ok=True)
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nhead -c 8 {NAME} > .git/seen\n")
    hook.chmod(0o755)
    repo.theta("install", "--local")
    repo.git("config", "theta.materialiseThreshold", "1k")
    repo.write(NAME, A)
    repo.commit()
    repo.write(NAME, B)
    repo.commit()
    repo.git("checkout", "-q", "-b", "text", "HEAD~1")
    assert repo.read(".git/seen") == A[:8]
    repo.write("notes.txt", b"x")
    repo.commit()
    repo.git("rebase", "-q", "main")
    assert repo.read(".git/seen") == B[:8]
    assert is_clean(repo, B)
