from __future__ import annotations

from tests.helpers.repo import Repo
from tests.helpers.small_history import NAME


def test_a_file_in_conflict(history: Repo) -> None:
    assert history.theta("diff-driver", NAME) == f"{NAME}: not merged yet\n"


def test_a_wrong_number_of_arguments_fails_for_this_file_alone(history: Repo) -> None:
    done = history.run_theta("diff-driver", NAME, "one", "two")
    assert "git passes unusual arguments" in done.stdout
    assert "git theta install" in done.stdout
