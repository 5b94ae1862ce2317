from __future__ import annotations

import sys

import numpy as np
import pytest

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo
from tests.helpers.small_history import NAME, TUNED, WEIGHTS, Json


def test_json(history: Repo, report: Json) -> None:
    found = report(history, "show", NAME, "--param", "small")
    array = TUNED["small"].astype(np.float64)
    assert (found["name"], found["dtype"], found["shape"], found["size"]) == ("small", "F32", [40, 3], 480)
    assert (found["count"], found["finite"], found["nans"], found["infinities"]) == (120, 120, 0, [0, 0])
    assert found["mean"] == pytest.approx(array.mean())
    assert found["quantiles"]["0.5"] == pytest.approx(np.median(array))
    assert (found["min"], found["max"]) == (array.min(), array.max())
    assert sum(found["histogram"]["counts"]) == 120
    before = report(history, "show", f"HEAD~1:{NAME}", "--param", "small")
    assert before["mean"] == pytest.approx(WEIGHTS["small"].mean(dtype=np.float64))


def test_text(history: Repo) -> None:
    text = history.theta("show", NAME, "--param", "big")
    assert text.startswith("big: F32 700x600, 1.68 MB, stored ")
    for word in ("elements  420,000", "zero  0", "mean", "std", "0.1%", "50%", "L2 norm", "█"):
        assert word in text
    assert "0.4 %" not in text
    assert max(map(len, text.splitlines())) <= 80
    scalar = history.theta("show", NAME, "--param", "steps")
    assert "steps: I64 scalar, 8 B" in scalar
    assert "mean  7" in scalar


def test_values(history: Repo, report: Json) -> None:
    text = history.theta("show", NAME, "--param", "small", "--values")
    assert text.splitlines()[1:] == np.array2string(TUNED["small"], max_line_width=100).splitlines()
    text = history.theta("show", NAME, "--param", "big", "--values")
    assert text.splitlines()[1:] == np.array2string(TUNED["big"], max_line_width=100).splitlines()
    assert report(history, "show", NAME, "--param", "steps", "--values")["values"] == "7"


def test_numbers_that_are_not_finite_are_null_in_json(repo: Repo, report: Json) -> None:
    arrays = {
        "odd": np.array([np.nan, -np.inf, np.inf, np.inf, 1], "f4"),
        "empty": np.zeros((0, 3), "f4"),
        "huge": np.array([1e300, -1e300]),
        "brain": np.array([0x3F80, 0x7FC0, 0x4000], "u2").view("V2"),
    }
    repo.write("m.safetensors", safetensors_bytes(arrays))
    repo.git("add", "-A")
    odd = report(repo, "show", "m.safetensors", "--param", "odd")
    assert (odd["nans"], odd["infinities"], odd["mean"], odd["max"]) == (1, [2, 1], 1, 1)
    empty = report(repo, "show", "m.safetensors", "--param", "empty")
    assert (empty["count"], empty["mean"], empty["histogram"], empty["quantiles"]) == (0, None, None, {})
    assert report(repo, "show", "m.safetensors", "--param", "huge")["l2"] is None
    assert report(repo, "show", "m.safetensors", "--param", "brain", "--values")["values"] == "[ 1. nan  2.]"
    text = repo.theta("show", "m.safetensors", "--param", "odd")
    assert "NaN  1 (20.00%)" in text
    assert "+Inf  2 (40.00%)" in text
    assert "elements  0" in repo.theta("show", "m.safetensors", "--param", "empty")
    assert repo.theta("show", "m.safetensors", "--param", "empty", "--values").endswith("[]\n")


def test_bars_without_unicode(history: Repo) -> None:
    env = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = history.run(sys.executable, "-m", "git_theta", "show", NAME, "--param", "big", env=env)
    assert "####" in done.stdout


@pytest.mark.parametrize("more", [[], ["--values"], ["--json"]])
def test_a_missing_object_is_named(history: Repo, more: list[str]) -> None:
    for path in history.objects:
        path.unlink()
    done = history.run_theta("show", NAME, "--param", "big", *more, ok=False)
    assert done.returncode == 5
    assert done.stdout == ""
    assert "parameter 'big': object " in done.stderr


@pytest.mark.parametrize(
    ("args", "output"),
    [
        (["--param", "smalls"], "hint: the closest: small"),
        (["--values"], "--param NAME"),
        (["--param", ""], "there's no parameter ''"),
    ],
)
def test_errors(history: Repo, args: list[str], output: str) -> None:
    done = history.run_theta("show", NAME, *args, ok=False)
    assert done.returncode == 2
    assert output in done.stderr
