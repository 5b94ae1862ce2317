"""Models of different dtypes."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from git_theta.errors import UsageError
from git_theta.merging.dtypes import parse_dtype, wider
from tests.helpers.combining import combined, loaded, model_file, weights


@pytest.mark.parametrize(
    ("text", "dtype"),
    [("BF16", "BF16"), ("bfloat16", "BF16"), ("torch.float16", "F16"), ("f32", "F32"), ("Widest", "widest")],
)
def test_names_of_dtypes(text: str, dtype: str) -> None:
    assert parse_dtype(text) == dtype


@pytest.mark.parametrize("text", ["int8", "I64", "bf15", ""])
def test_other_names_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="isn't a dtype"):
        parse_dtype(text)


def test_the_wider_has_all_numbers() -> None:
    assert wider(["BF16", "F32"]) == "F32"
    assert wider(["BF16", "F16"]) == "F32"
    assert wider(["BF16"]) == "BF16"
    assert wider(["F16", "F64", "BF16"]) == "F64"


@pytest.mark.parametrize(("dtype", "result"), [("widest", "f4"), ("ours", "f2"), ("F64", "f8")])
def test_inputs_are_widened_and_the_result_is_rounded_once(tmp_path: Path, dtype: str, result: str) -> None:
    ours, theirs = weights(1, "f2"), weights(2)
    ours["same"], theirs["same"] = np.ones(3, "f2"), np.ones(3, "f4")
    first, other = model_file(tmp_path, "a", ours), model_file(tmp_path, "b", theirs)
    found = loaded(combined(tmp_path, first, other, rules=("linear weights=0.3,0.9",), dtype=dtype))
    for name, value in ours.items():
        exact = value.astype("f8") * 0.3 + theirs[name].astype("f8") * 0.9
        # Values that are equal are equal in any dtype, and stay as they are.
        expected = value if name == "same" else exact / (0.3 + 0.9)
        np.testing.assert_array_equal(found[name], expected.astype(result))
        assert found[name].dtype == result


def test_what_is_taken_is_rounded_too(tmp_path: Path) -> None:
    first, other = model_file(tmp_path, "a", weights(1)), model_file(tmp_path, "b", weights(2))
    out = combined(tmp_path, first, other, rules=("theirs",), dtype="BF16")
    with out.open("rb") as file:
        data = file.read()
    expected = weights(2)["embed.weight"].astype(ml_dtypes.bfloat16)
    assert expected.tobytes() in data
