"""Plugins of packages in a repository: in use, broken, and missing.

A plugin that can't be used fails for the file that needs it, and for nothing else.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import plugins
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo
from tests.helpers.variants import mostly_slow

TOY, SCALED, MERGED, PLAIN = "a.toy", "scaled.safetensors", "merged.safetensors", "plain.safetensors"

ATTRIBUTES = f"""
*.toy filter=theta diff=theta merge=theta -text
{SCALED} theta-update=scaled
{MERGED} theta-merge=median
"""

WEIGHT = np.random.default_rng(0).standard_normal(5_000).astype("f4")


def toy(step: int, *numbers: float) -> bytes:
    return (
        struct.pack("<4sIHI", b"TOY1", step, 1, len(numbers))
        + b"w"
        + struct.pack(f"<{len(numbers)}f", *numbers)
    )


def model(*numbers: float) -> bytes:
    return safetensors_bytes({"w": np.array(numbers, "f4")})


def raise_at_import(folder: Path) -> None:
    for path in (folder / "git_theta_example").glob("*.py"):
        path.write_text("import cuda_of_another_machine\n")


def lack_everything(folder: Path) -> None:
    for path, name in (("toy", "Toy"), ("scaled", "Scaled"), ("median", "Median"), ("flat", "Flat")):
        (folder / "git_theta_example" / f"{path}.py").write_text(f"class {name}: ...\n")


def raise_at_use(folder: Path) -> None:
    for path, name, attributes in (
        ("toy", "Toy", "matches = locate = scalars = fail"),
        ("scaled", "Scaled", "estimate = encode = decode = fail"),
        ("median", "Median", "options = Options; needs_base = False; max_models = None; merge = fail"),
        ("flat", "Flat", "open = fail"),
    ):
        (folder / "git_theta_example" / f"{path}.py").write_text(
            "import dataclasses\n"
            "@dataclasses.dataclass(frozen=True)\n"
            "class Options: ...\n"
            "def fail(self, *args): raise RuntimeError('no GPU')\n"
            f"class {name}: name = {path!r}; {attributes}\n"
        )


def uninstall(folder: Path) -> None:
    shutil.rmtree(folder)


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    folder = tmp_path / "packages"
    plugins.install_example(folder)
    return folder


@pytest.fixture
def used(repo: Repo, packages: Path) -> Repo:
    """A repository whose files need a plugin of each kind, with a branch to merge."""
    plugins.visible_to_git(repo, packages)
    with (repo.path / ".gitattributes").open("a") as file:
        file.write(ATTRIBUTES)
    repo.write(TOY, toy(1, 1.0, 2.0))
    repo.write(SCALED, safetensors_bytes({"w": WEIGHT}))
    repo.write(MERGED, model(1.0, 1.0))
    repo.write(PLAIN, model(1.0, 1.0))
    repo.commit("base")
    repo.write(SCALED, safetensors_bytes({"w": WEIGHT * np.float32(0.99)}))
    repo.commit("decay")
    repo.git("switch", "-q", "-c", "other")
    repo.write(TOY, toy(1, 1.0, 5.0))
    repo.write(MERGED, model(3.0, 1.5))
    repo.write(PLAIN, model(3.0, 1.5))
    repo.commit("other")
    repo.git("switch", "-q", "main")
    repo.write(MERGED, model(2.0, 0.5))
    repo.write(PLAIN, model(2.0, 0.5))
    repo.commit("ours")
    return repo


def test_plugins_in_use(used: Repo) -> None:
    assert "scaled of dense" in used.theta("show", SCALED)
    used.git("merge", "-q", "--no-edit", "other")
    assert used.read(MERGED) == model(2.0, 1.0)
    assert used.read(PLAIN) == model(2.5, 1.0)
    assert used.read(TOY) == toy(1, 1.0, 5.0)
    assert used.status() == ""


def test_what_plugins_print_stays_out_of_files(used: Repo, packages: Path) -> None:
    for path in (packages / "git_theta_example").glob("*.py"):
        text = path.read_text().replace("        return ", "        print('in use')\n        return ")
        path.write_text(f"{text}\nprint('loaded')\n")
    data = safetensors_bytes({"w": WEIGHT * np.float32(0.98)})
    used.write(SCALED, data)
    output = used.git("add", SCALED)
    assert "loaded" in output
    assert "in use" in output
    assert "scaled of dense" in used.theta("show", SCALED)
    text = used.git("cat-file", "-p", f":{SCALED}")
    assert text.startswith("git-theta manifest 1\n")
    with plugins.importable(packages):
        smudged = used.run_theta("smudge", SCALED, stdin=text.encode()).stdout
        assert smudged == data.decode("utf-8", "replace")
        assert used.run_theta("clean", SCALED, stdin=data).stdout == text
    (used.path / SCALED).unlink()
    used.git("checkout", "--", SCALED)
    assert used.read(SCALED) == data


BREAKS = mostly_slow(
    [raise_at_import, lack_everything, raise_at_use, uninstall], quick=[raise_at_import, uninstall]
)


@pytest.mark.parametrize("damage", BREAKS)
def test_other_files_go_on(used: Repo, packages: Path, damage: Callable[[Path], None]) -> None:
    damage(packages)
    assert used.status() == ""
    used.write(PLAIN, model(7.0, 8.0))
    assert used.status() == f" M {PLAIN}\n"
    assert "1 of 1 parameter changed" in used.git("diff")
    used.git("add", PLAIN)
    used.git("commit", "-q", "-m", "plain")
    used.git("switch", "-q", "-c", "next", "HEAD~1")
    assert used.read(PLAIN) == model(2.0, 0.5)
    used.git("merge", "-q", "--no-edit", "main")
    assert used.read(PLAIN) == model(7.0, 8.0)
    assert used.status() == ""


@pytest.mark.parametrize("damage", BREAKS)
def test_an_update_that_cannot_be_decoded_names_file_and_parameter(
    used: Repo, packages: Path, damage: Callable[[Path], None]
) -> None:
    damage(packages)
    for name in (SCALED, PLAIN):
        (used.path / name).unlink()
    output = used.git("checkout", "--", ".", ok=False)
    assert SCALED in output
    assert "the update 'scaled' of git-theta-example 0.1.0" in output
    assert "Traceback" not in output
    assert used.read(PLAIN) == model(2.0, 0.5)
    assert "parameter 'w'" in used.theta("fsck", ok=False)


@pytest.mark.parametrize("damage", BREAKS)
def test_a_file_that_may_be_stored_as_an_update_is_stored_without_it(
    used: Repo, packages: Path, damage: Callable[[Path], None]
) -> None:
    damage(packages)
    data = safetensors_bytes({"w": WEIGHT * np.float32(0.5)})
    used.write(SCALED, data)
    output = used.git("add", SCALED)
    assert "Traceback" not in output
    assert SCALED in output
    assert "scaled" in output
    used.git("commit", "-q", "-m", "half")
    (used.path / SCALED).unlink()
    used.git("checkout", "--", SCALED)
    assert used.read(SCALED) == data


@pytest.mark.parametrize("damage", BREAKS)
def test_a_file_of_the_format_is_the_same_and_can_be_stored(
    used: Repo, packages: Path, damage: Callable[[Path], None]
) -> None:
    damage(packages)
    (used.path / TOY).unlink()
    used.git("checkout", "--", TOY)
    assert used.read(TOY) == toy(1, 1.0, 2.0)
    used.write(TOY, toy(2, 3.0))
    output = used.git("add", TOY)
    assert f"{TOY}: " in output
    assert "toy" in output
    used.git("commit", "-q", "-m", "toy")
    (used.path / TOY).unlink()
    used.git("checkout", "--", TOY)
    assert used.read(TOY) == toy(2, 3.0)


@pytest.mark.parametrize("damage", BREAKS)
def test_a_merge_that_needs_the_strategy_is_a_conflict_of_that_file(
    used: Repo, packages: Path, damage: Callable[[Path], None]
) -> None:
    damage(packages)
    output = used.git("merge", "--no-edit", "other", ok=False)
    assert f"{MERGED}: " in output
    assert "median" in output
    assert "Traceback" not in output
    assert used.status().splitlines() == [f"M  {TOY}", f"UU {MERGED}", f"M  {PLAIN}"]
    assert used.read(PLAIN) == model(2.5, 1.0)
    assert used.read(TOY) == toy(1, 1.0, 5.0)
    used.git("checkout", "--theirs", "--", MERGED)
    used.git("add", MERGED)
    used.git("commit", "-q", "--no-edit")
    assert used.read(MERGED) == model(3.0, 1.5)


@pytest.mark.parametrize("damage", BREAKS)
def test_a_remote_that_cannot_be_opened_is_named_and_others_are_used(
    used: Repo, packages: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    for name, url in (("origin", f"flat://{tmp_path}/objects"), ("backup", str(tmp_path / "folder"))):
        bare = tmp_path / f"{name}.git"
        used.git("init", "-q", "--bare", str(bare))
        used.git("remote", "add", name, str(bare))
        used.git("config", f"theta.remote.{name}.url", url)
    damage(packages)
    with plugins.importable(packages):
        output = used.theta("push", "origin", ok=False)
        assert f"flat://{tmp_path}/objects can't be opened: " in output
        assert "flat" in output
        assert "Traceback" not in output
        assert "sent " in used.theta("push", "backup")
        for path in used.objects:
            path.unlink()
        assert "fetched " in used.theta("fetch")
