from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.repo import Repo
from tests.helpers.small_models import NAME, A


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--update-type", "low-rank"], "an update of type low-rank needs --update-data"),
        (["--update-type", "quantized", "--update-data", "x"], "quantized needs no --update-data"),
        (
            ["--update-type", "sparse", "--update-data", "x", "--epsilon", "1"],
            "--epsilon is for lossy updates",
        ),
        (["--update-type", "quantized", "--epsilon", "0"], "--epsilon 0 isn't a positive number"),
        (["--update-type", "quantized", "--epsilon", "nan"], "--epsilon nan isn't a positive number"),
        (["--update-type", "sign", "--epsilon", "0.1"], "type sign has no error bound"),
        (["--update-type", "nonesuch"], "nonesuch"),
        ([], "--update-type"),
    ],
)
def test_options_that_do_not_fit(repo: Repo, args: list[str], message: str) -> None:
    done = repo.run_theta("add", NAME, *args, ok=False)
    assert done.returncode == 2
    assert message in done.stderr


def test_nothing_changed(repo: Repo) -> None:
    repo.write(NAME, A)
    repo.commit()
    assert repo.theta("add", NAME, "--update-type", "quantized") == "Nothing changed.\n"
    assert repo.status() == ""


def test_outside_a_repository(tmp_path: Path) -> None:
    done = Repo(tmp_path).run_theta("add", NAME, "--update-type", "quantized", ok=False)
    assert done.returncode == 7
