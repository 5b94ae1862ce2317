from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from git_theta.cli import COMMANDS
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo
from tests.helpers.small_models import NAME, A, B, model


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(repo: Repo, name: str) -> None:
    assert repo.theta(name, "--help").startswith(f"Usage: git theta {name}")


def test_help_lists_every_command(repo: Repo) -> None:
    text = repo.theta("--help")
    assert all(f"  {name} " in text for name in COMMANDS)
    assert "hook" not in text


def test_an_unknown_command_suggests_the_nearest(repo: Repo) -> None:
    done = repo.run_theta("tarck", ok=False)
    assert done.returncode == 2
    assert "no command 'tarck'; did you mean 'track'?" in done.stderr


@pytest.mark.parametrize(
    "args",
    [["track"], ["status"], ["ls-files"], ["show", "x"], ["fsck"], ["du"], ["checkout"], ["merge", "x"]],
)
def test_outside_a_repository(tmp_path: Path, args: list[str]) -> None:
    done = Repo(tmp_path).run_theta(*args, ok=False)
    assert done.returncode == 7
    assert "isn't in a Git repository" in done.stderr
    assert "git init" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("args", [["status"], ["ls-files"], ["fsck"], ["du"], ["checkout"], ["env"]])
def test_before_the_first_commit(repo: Repo, args: list[str]) -> None:
    repo.theta(*args)


def test_completion(repo: Repo) -> None:
    done = repo.run(
        sys.executable,
        "-c",
        "from git_theta.__main__ import main; main()",
        env={"_GIT_THETA_COMPLETE": "bash_complete", "COMP_WORDS": "git-theta un", "COMP_CWORD": "1"},
        ok=False,
    )
    assert "untrack" in done.stdout
    assert "uninstall" in done.stdout


def test_track_lists_and_untracks(repo: Repo) -> None:
    assert "Tracking models/*.gguf" in repo.theta("track", "models/*.gguf")
    listed = json.loads(repo.theta("track", "--json"))
    assert {"pattern": "models/*.gguf", "source": ".gitattributes", "update": None, "merge": None} in listed
    repo.theta("untrack", "models/*.gguf")
    assert "gguf" not in repo.theta("track")
    assert "not tracked" in repo.theta("untrack", "models/*.gguf", ok=False)


def test_ls_files(repo: Repo) -> None:
    repo.write("sub dir/a.safetensors", A)
    repo.commit()
    (row,) = json.loads(repo.theta("ls-files", "--json"))
    assert row == {
        "path": "sub dir/a.safetensors",
        "format": "safetensors",
        "parameters": 3,
        "size": len(A),
        "stored": sum(path.stat().st_size for path in repo.objects),
    }
    assert json.loads(repo.theta("ls-files", "HEAD", "--json")) == [row]
    assert "sub dir/a.safetensors" in repo.theta("ls-files")
    assert "isn't a revision" in repo.theta("ls-files", "nonesuch", ok=False)


def test_show(repo: Repo) -> None:
    repo.write("d/a.safetensors", safetensors_bytes({"x/y": np.zeros((2, 3), "f4"), "n": np.array(7)}))
    repo.commit()
    repo.write("d/a.safetensors", A)
    repo.git("add", "-A")
    shown = json.loads(repo.theta("show", "HEAD:d/a.safetensors", "--json"))
    assert [(p["name"], p["dtype"], p["shape"], p["update"]) for p in shown["parameters"]] == [
        ("n", "I64", [], "dense"),
        ("x/y", "F32", [2, 3], "dense"),
    ]
    below = Repo(repo.path / "d")
    for name in ("a.safetensors", ":./a.safetensors", ":d/a.safetensors", "./a.safetensors"):
        assert len(json.loads(below.theta("show", name, "--json"))["parameters"]) == 3
    assert len(json.loads(below.theta("show", "HEAD:./a.safetensors", "--json"))["parameters"]) == 2
    text = below.theta("show", "a.safetensors", "--sort", "size")
    assert "64x64" in text
    assert "3 parameters, safetensors" in text


def test_show_says_why_it_cannot(repo: Repo) -> None:
    repo.write("new.safetensors", A)
    assert "git add" in repo.theta("show", "new.safetensors", ok=False)
    assert "there's no" in repo.theta("show", "nothing.safetensors", ok=False)
    repo.write("plain.txt", b"text")
    repo.commit()
    assert "as a whole file" in repo.theta("show", "plain.txt", ok=False)


def test_status(repo: Repo) -> None:
    repo.write(NAME, A)
    repo.git("add", "-A")
    assert "new, 3 parameters" in repo.theta("status")
    repo.commit()
    assert repo.theta("status") == f"{NAME}: unmodified\n"
    before = repo.objects
    arrays = {f"layer.{i}.weight": np.zeros((64, 64), "f4") for i in range(4)}
    repo.write(NAME, safetensors_bytes(arrays))
    (state,) = json.loads(repo.theta("status", "--json"))
    assert state["work"] == "modified"
    assert state["staged"] is None
    assert state["changes"]["added"] == ["layer.3.weight"]
    assert len(state["changes"]["changed"]) == 3
    assert repo.objects == before
    (repo.path / NAME).unlink()
    assert "deleted" in repo.theta("status")


def test_status_of_a_file_that_is_only_a_manifest(repo: Repo) -> None:
    repo.write(NAME, A)
    repo.commit()
    repo.write(NAME, repo.git("cat-file", "-p", f":{NAME}").encode())
    assert "git theta checkout" in repo.theta("status")
    assert "1 file written" in repo.theta("checkout", NAME)
    assert repo.read(NAME) == A
    assert repo.status() == ""


def test_fsck_and_du_count_everything(repo: Repo) -> None:
    repo.write(NAME, A)
    repo.commit("first")
    repo.write(NAME, B)
    repo.commit("second")
    repo.write("other.safetensors", model(5))
    repo.git("add", "-A")
    report = json.loads(repo.theta("fsck", "--json"))
    assert report["versions"] == 3
    assert report["objects"] == len(repo.objects)
    assert report["problems"] == []
    found = json.loads(repo.theta("du", "--json"))
    assert [(r["subject"], r["versions"], r["size"]) for r in found["revisions"]] == [
        ("first", 1, len(A)),
        ("second", 1, len(B)),
        ("(index)", 1, len(A)),
    ]
    assert found["stored"] == found["store"] == sum(path.stat().st_size for path in repo.objects)
    assert {row["name"]: row["versions"] for row in found["files"]} == {NAME: 2, "other.safetensors": 1}
    assert "second" in repo.theta("du")
    assert json.loads(repo.theta("du", "HEAD~1", "--json"))["size"] == len(A)


def test_fsck_counts_what_nothing_names(repo: Repo) -> None:
    repo.write(NAME, A)
    repo.git("add", "-A")
    repo.write(NAME, model(8, 4))
    repo.git("add", "-A")
    assert "named by no version" in repo.theta("fsck")


def test_install_and_uninstall(tmp_path: Path) -> None:
    repo = Repo(tmp_path)
    repo.git("init", "-q")
    hook = tmp_path / ".git" / "hooks" / "post-merge"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho mine\n")
    hook.chmod(0o755)
    assert "it runs the hook that was there" in repo.theta("install", "--local")
    repo.theta("install", "--local")
    settings = repo.git("config", "--local", "--list")
    assert settings.count("filter.theta.process=") == 1
    assert "filter.theta.required=true" in settings
    repo.theta("uninstall", "--local")
    assert "filter.theta" not in repo.git("config", "--local", "--list")
    assert hook.read_text() == "#!/bin/sh\necho mine\n"


def test_install_explains_hooks_that_are_kept_elsewhere(tmp_path: Path) -> None:
    repo = Repo(tmp_path)
    repo.git("init", "-q")
    repo.git("config", "core.hooksPath", ".husky")
    repo.git("config", "hook.theta.enabled", "false")
    assert "run: git theta install --hooks" in repo.theta("install", "--local")
    assert not (tmp_path / ".husky").exists()
    repo.git("config", "core.hooksPath", str(tmp_path.parent / "team"))
    assert 'git theta hook pre-push "$@"' in repo.theta("install", "--local", "--hooks")
    assert not (tmp_path.parent / "team").exists()


def test_install_hooks_needs_a_repository(tmp_path: Path) -> None:
    assert "needs a repository" in Repo(tmp_path).theta("install", "--hooks", ok=False)


def test_install_without_hooks_leaves_those_of_git_s_settings_out(tmp_path: Path) -> None:
    repo = Repo(tmp_path)
    repo.git("init", "-q")
    repo.theta("install", "--local", "--no-hooks")
    assert "hook.theta" not in repo.git("config", "--local", "--list")
    repo.theta("install", "--local")
    assert repo.git("config", "--local", "hook.theta.event") == "pre-push\n"
    repo.theta("uninstall", "--local")
    assert "hook.theta" not in repo.git("config", "--local", "--list")


def test_the_filter_installs_hooks_in_a_clone(repo: Repo, tmp_path: Path) -> None:
    repo.write(NAME, A)
    repo.commit()
    repo.git("clone", "-q", str(repo.path), str(tmp_path / "clone"))
    assert (tmp_path / "clone" / ".git" / "hooks" / "post-checkout").exists()
    repo.git("-c", "theta.hooks=false", "clone", "-q", str(repo.path), str(tmp_path / "without"))
    assert not (tmp_path / "without" / ".git" / "hooks" / "post-checkout").exists()


def test_env(repo: Repo) -> None:
    found = json.loads(repo.theta("env", "--json"))
    assert "git-theta" in found["versions"]
    assert "filter.theta.process" in found["settings"]
    assert "*.safetensors" in found["repository"]["tracked"]


@pytest.mark.parametrize(
    ("key", "value"), [("theta.threads", "many"), ("theta.materialiseThreshold", "large")]
)
def test_a_senseless_setting_is_named(repo: Repo, key: str, value: str) -> None:
    repo.git("config", key, value)
    repo.write(NAME, A)
    said = repo.git("add", NAME, ok=False)
    assert value in said
    assert "Traceback" not in said
