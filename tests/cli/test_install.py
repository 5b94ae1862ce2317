from __future__ import annotations

from pathlib import Path

from tests.helpers.git_versions import pretended_version
from tests.helpers.repo import Repo
from tests.helpers.small_models import NAME, A


def test_one_line_counts_settings_and_hooks(tmp_path: Path) -> None:
    repo = Repo(tmp_path)
    repo.git("init", "-q")
    lines = repo.theta("install", "--local").splitlines()
    assert lines == [
        "git-theta is set up for this repository: 12 settings, and 1 hook in this repository.",
        "Next: git theta track '*.safetensors'",
    ]
    assert repo.theta("install", "--local").splitlines() == lines
    assert repo.theta("install", "--local", "--no-hooks").startswith(
        "git-theta is set up for this repository: 10 settings.\n"
    )


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


def test_hooks_in_another_folder_are_explained(tmp_path: Path) -> None:
    repo = Repo(tmp_path)
    repo.git("init", "-q")
    repo.git("config", "core.hooksPath", ".husky")
    repo.git("config", "hook.theta.enabled", "false")
    assert "run: git theta install --hooks" in repo.theta("install", "--local")
    assert not (tmp_path / ".husky").exists()
    repo.git("config", "core.hooksPath", str(tmp_path.parent / "team"))
    assert 'git theta hook pre-push "$@"' in repo.theta("install", "--local", "--hooks")
    assert not (tmp_path.parent / "team").exists()


def test_hooks_need_a_repository(tmp_path: Path) -> None:
    assert "needs a repository" in Repo(tmp_path).theta("install", "--hooks", ok=False)


def test_no_hooks_means_none_in_settings_either(tmp_path: Path) -> None:
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
    assert (tmp_path / "clone" / ".git" / "hooks" / "pre-push").exists()
    repo.git("-c", "theta.hooks=false", "clone", "-q", str(repo.path), str(tmp_path / "without"))
    assert not (tmp_path / "without" / ".git" / "hooks" / "pre-push").exists()


def test_a_git_that_is_too_old_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.path.mkdir()
    repo.git("init", "-q")
    before = repo.git("config", "--local", "--list")
    env = pretended_version(tmp_path / "bin", "2.30.2")
    done = repo.run_theta("install", "--local", ok=False, env=env)
    assert done.returncode != 0
    assert "git-theta needs git 2.31 or newer; this is git 2.30.2" in done.stderr
    assert repo.git("config", "--local", "--list") == before
    assert not (repo.path / ".git" / "hooks" / "pre-push").exists()
