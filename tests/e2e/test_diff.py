"""`git diff` and its relatives: a line for each parameter, and tensors stay where they are."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

NAME = "m.safetensors"
_RANDOM = np.random.default_rng(3)
LAYERS = {f"layer.{i}.weight": _RANDOM.standard_normal((96, 96)).astype("f4") for i in range(4)}
TUNED = {
    **LAYERS,
    "layer.1.weight": LAYERS["layer.1.weight"] + 1,
    "layer.2.weight": LAYERS["layer.2.weight"] * 2,
}
GROWN = {**TUNED, "head": np.zeros((5, 5), "f2")}

A, B, C = (safetensors_bytes(arrays, {"epoch": str(i)}) for i, arrays in enumerate((LAYERS, TUNED, GROWN)))

#: What `git diff A B` says.
TWO_LAYERS = "    ~ layer.{1-2}.weight  F32 96x96  x2"
EPOCH = "    ~ __metadata__/epoch: '0' -> '1'"


@pytest.fixture(scope="module")
def original(tracked: Repo, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """main: A, then B."""
    repo = tracked.copy(tmp_path_factory.mktemp("original") / "repo")
    repo.git("config", "core.pager", "cat")
    repo.write(NAME, A)
    repo.write("notes.txt", b"one\n")
    repo.commit("base")
    repo.git("tag", "first")
    repo.write(NAME, B)
    repo.write("notes.txt", b"two\n")
    repo.commit("tuned")
    return repo


@pytest.fixture
def history(original: Repo, tmp_path: Path) -> Repo:
    """A copy of that."""
    return original.copy(tmp_path / "repo")


def is_summary(text: str) -> bool:
    return f"{NAME}: 2 of 4 parameters changed; " in text and TWO_LAYERS in text and EPOCH in text


def test_two_versions(history: Repo) -> None:
    for args in (
        ("diff", "HEAD~1", "HEAD"),
        ("diff", "HEAD~1..HEAD"),
        ("diff", "first...main"),
        ("diff", "first", "main", "--", NAME),
        ("diff", "first"),
        ("show", "--ext-diff"),
        ("log", "-p", "--ext-diff", "-1"),
        ("-c", "core.pager=cat", "-C", ".", "diff", "first", "main"),
    ):
        output = history.git(*args)
        assert is_summary(output), args
        assert ("notes.txt" in output) == ("--" not in args)


def test_index_and_work_tree(history: Repo) -> None:
    history.write(NAME, C)
    output = history.git("diff")
    assert f"{NAME}: 1 parameter added; " in output
    assert "    + head  F16 5x5" in output
    history.git("add", NAME)
    assert history.git("diff") == ""
    assert "    + head  F16 5x5" in history.git("diff", "--cached")
    assert "3 of 4" not in history.git("diff", "--staged", "first", "--", "notes.txt")


def test_a_touched_file_is_no_difference(history: Repo) -> None:
    os.utime(history.path / NAME)
    assert history.git("diff") == ""


def test_stash(history: Repo) -> None:
    history.write(NAME, C)
    history.git("stash")
    assert "    + head  F16 5x5" in history.git("stash", "show", "-p", "--ext-diff")
    history.git("stash", "pop")
    assert history.read(NAME) == C


def test_an_added_a_deleted_and_a_renamed_file(history: Repo) -> None:
    assert f"{NAME}: new, 4 parameters" in history.git("show", "--ext-diff", "HEAD~1")
    history.git("mv", NAME, "new.safetensors")
    history.write("new.safetensors", C)
    history.commit("renamed")
    output = history.git("diff", "HEAD~1", "HEAD")
    assert f"{NAME} -> new.safetensors: 1 parameter added" in output
    history.git("rm", "-q", "new.safetensors")
    assert "new.safetensors: deleted, 5 parameters" in history.git("diff", "--cached")
    history.git("commit", "-q", "-m", "deleted")
    assert "    - layer.{0-3}.weight  F32 96x96  x4" in history.git("show", "--ext-diff")


def test_a_mode(history: Repo) -> None:
    (history.path / NAME).chmod(0o755)
    output = history.git("diff")
    assert f"{NAME}: no parameter changed" in output
    assert "mode 100644 -> 100755" in output


def test_a_file_that_became_a_link(history: Repo) -> None:
    (history.path / NAME).unlink()
    (history.path / NAME).symlink_to("notes.txt")
    assert "a symbolic link" in history.git("diff")


def test_commands_without_external_diffs_show_lines(history: Repo) -> None:
    for args in (
        ("show",),
        ("log", "-p", "-1"),
        ("diff", "--no-ext-diff", "HEAD~1"),
        ("format-patch", "-1", "--stdout"),
    ):
        assert "+layer.1.weight F32 [96,96] " in history.git(*args)
    assert "2 files changed" in history.git("diff", "--stat", "HEAD~1")
    assert NAME in history.git("diff", "--raw", "HEAD~1")


def test_a_patch_made_by_git_applies(history: Repo) -> None:
    patch = history.git("format-patch", "-1", "--stdout").encode()
    history.git("reset", "-q", "--hard", "HEAD~1")
    history.run("git", "am", stdin=patch)
    assert history.read(NAME) == B


def recording(repo: Repo, folder: Path) -> None:
    """Make the driver keep its arguments and files."""
    folder.mkdir()
    repo.git(
        "config",
        "diff.theta.command",
        f'keep() {{ cp "$3" {folder}/old; cp "$6" {folder}/new; echo kept; }}; keep diff-driver',
    )


def test_git_makes_no_files_of_the_models_size(history: Repo, tmp_path: Path) -> None:
    recording(history, tmp_path / "kept")
    for args in (("diff", "HEAD~1", "HEAD"), ("log", "-p", "--ext-diff", "-1"), ("show", "--ext-diff")):
        assert "kept" in history.git(*args)
        sizes = [(tmp_path / "kept" / side).stat().st_size for side in ("old", "new")]
        # Git may lend the file of the work tree.
        assert sizes[0] < len(A) / 10
        assert sizes[1] < len(B) / 10 or sizes[1] == len(B)


@pytest.mark.parametrize(
    "setting",
    [("diff.theta.command", "keep-whole"), ("diff.theta.textconv", "cat"), ("GIT_EXTERNAL_DIFF", "true")],
    ids=lambda setting: setting[0],
)
def test_other_readers_of_a_difference_get_whole_files(
    history: Repo, tmp_path: Path, setting: tuple[str, str]
) -> None:
    recording(history, tmp_path / "kept")
    key, value = setting
    env = {}
    if key == "diff.theta.command":
        history.git("config", key, history.git("config", key).strip().replace("diff-driver", "x"))
    elif key.startswith("diff."):
        history.git("config", key, value)
    else:
        env = {key: value}
    history.git("diff", "HEAD~1", "HEAD", env=env)
    assert (tmp_path / "kept" / "old").read_bytes() == A


def test_another_driver_of_a_path_gets_whole_files(history: Repo, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    history.git("config", "diff.mine.command", f'keep() {{ cp "$2" {kept}; echo kept; }}; keep')
    history.write(".git/info/attributes", b"*.safetensors diff=mine\n")
    assert "kept" in history.git("diff", "HEAD~1", "HEAD")
    assert kept.read_bytes() == A
    history.git("config", "diff.mine.textconv", "cksum <")
    history.git("config", "--unset", "diff.mine.command")
    assert f" {len(A)}\n" in history.git("show")


def test_difftool_gets_whole_files(history: Repo, tmp_path: Path) -> None:
    for name, data in (("a", A), ("b", B)):
        (tmp_path / name).write_bytes(data)
    check = f'cmp "$LOCAL" {tmp_path}/a && cmp "$REMOTE" {tmp_path}/b && echo same bytes'
    history.git("config", "difftool.check.cmd", check)
    assert "same bytes" in history.git("difftool", "-y", "-t", "check", "HEAD~1", "HEAD", "--", NAME)
    folders = f'cmp "$LOCAL/{NAME}" {tmp_path}/a && cmp "$REMOTE/{NAME}" {tmp_path}/b && echo same folders'
    history.git("config", "difftool.folders.cmd", folders)
    assert "same folders" in history.git("difftool", "-d", "-t", "folders", "HEAD~1", "HEAD")


def test_commands_that_ask_for_a_file_get_it(history: Repo) -> None:
    assert history.run("git", "cat-file", "--filters", f"HEAD~1:{NAME}", ok=False).returncode == 0
    done = subprocess.run(
        ["git", "cat-file", "--filters", f"HEAD~1:{NAME}"], cwd=history.path, capture_output=True, check=True
    )
    assert done.stdout == A
    (history.path / NAME).unlink()
    history.git("checkout-index", "--", NAME)
    assert history.read(NAME) == B
    archive = subprocess.run(["git", "archive", "HEAD~1"], cwd=history.path, capture_output=True, check=True)
    assert A in archive.stdout


def test_objects_arent_needed(history: Repo) -> None:
    for path in history.objects:
        path.unlink()
    output = history.git("diff", "HEAD~1", "HEAD")
    assert TWO_LAYERS in output
    assert "not here" in output
    assert "the rest of the file changed (parameter 'layout': object " in output


def test_files_that_are_no_checkpoints(history: Repo) -> None:
    history.write(NAME, b"\x00garbage\xff" * 100)
    history.write("empty.safetensors", b"")
    history.git("add", "-N", "empty.safetensors")
    output = history.git("diff")
    assert f"{NAME}: 4 parameters removed; 900 B\n    format safetensors -> opaque" in output
    assert "an empty file" in output


def test_a_file_from_before_it_was_tracked(history: Repo) -> None:
    history.write(".gitattributes", b"")
    history.write("old.safetensors", A)
    history.commit("whole")
    history.theta("track", "*.safetensors")
    history.write("old.safetensors", B)
    history.commit("converted")
    assert is_summary(history.git("diff", "HEAD~1", "HEAD", "--", "old.safetensors").replace("old.s", "m.s"))


def test_a_conflict_doesnt_end_the_diff(history: Repo) -> None:
    history.git("checkout", "-q", "-b", "side", "first")
    history.write(NAME, safetensors_bytes({**LAYERS, "layer.1.weight": LAYERS["layer.1.weight"] - 1}))
    history.write("zzz.txt", b"one\n")
    history.commit("side")
    history.git("merge", "-s", "resolve", "main", ok=False)
    history.write("zzz.txt", b"two\n")
    assert "+two" in history.git("diff")
    assert f"{NAME}: not merged yet" in history.git("diff", "--cached")
    output = history.git("diff", "HEAD", "--", NAME)
    assert f"{NAME}: the new version is a manifest in conflict; take a side\n" in output
    assert "layer" not in output


def test_a_broken_installation_doesnt_end_the_diff(history: Repo) -> None:
    command = history.git("config", "diff.theta.command").strip()
    history.git("config", "diff.theta.command", command.replace("-m git_theta", "-m git_theta_is_gone"))
    assert "+two" in history.git("diff", "HEAD~1", "HEAD")


def test_the_driver_never_fails(history: Repo) -> None:
    for args in (
        [],
        ["x"],
        ["x", "y"],
        [NAME, NAME, "1" * 40, "100644", NAME, "2" * 40, "100644"],
        ["a\nb"] * 7,
    ):
        assert history.theta("diff-driver", *args).count("\n") == 1


def test_outside_of_a_repository(tmp_path: Path) -> None:
    """`git diff --no-index` knows only the user's own attributes there, and runs the driver by them."""
    folder = Repo(tmp_path)
    folder.write("a.safetensors", A)
    folder.write("b.safetensors", B)
    attributes = folder.write("attributes", b"*.safetensors diff=theta\n")
    done = folder.run(
        *("git", "-c", f"core.attributesFile={attributes}"),
        *("diff", "--no-index", "a.safetensors", "b.safetensors"),
        ok=False,
    )
    assert TWO_LAYERS in done.stdout


def test_colours_follow_git(history: Repo) -> None:
    assert "\x1b" not in history.git("diff", "first", "main")
    history.git("config", "color.ui", "always")
    output = history.git("diff", "first", "main", "--", NAME)
    assert f"\x1b[1m{NAME}:\x1b[m" in output
    history.git("config", "color.diff.frag", "blue")
    assert "\x1b[34m    ~ layer.{1-2}.weight\x1b[m" in history.git("diff", "first", "main", "--", NAME)
    history.git("config", "color.diff", "false")
    assert "\x1b" not in history.git("diff", "first", "main", "--", NAME)


def test_staging_by_hand_is_offered_lines(history: Repo) -> None:
    history.write(NAME, C)
    done = history.run("git", "add", "-p", NAME, stdin=b"q\n", ok=False)
    assert "+head F16 [5,5]" in done.stdout
