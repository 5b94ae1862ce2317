from __future__ import annotations

import pytest

from git_theta import updates
from git_theta.encoding.allowed_updates import may_reshape, parse_update_names
from git_theta.errors import PluginError, UsageError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Automatic, Patching, Reshaping

SPEC = TensorSpec("F32", (128, 160))


def test_auto_stands_for_every_built_in_update_that_can_be_chosen() -> None:
    built_in = (update for update in updates.registry() if updates.registry().origin(update.name).builtin)
    assert {update.name for update in built_in if isinstance(update, Automatic | Reshaping | Patching)} == {
        *updates.AUTO
    } - {"arrange", "recipe"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("auto", updates.AUTO),
        ("dense", ()),
        ("", ()),
        ("delta, sparse", ("delta", "sparse")),
        ("sparse,auto", ("sparse", *(name for name in updates.AUTO if name != "sparse"))),
        ("rows,dense,rows", ("rows",)),
    ],
)
def test_names_in_a_setting(text: str, names: tuple[str, ...]) -> None:
    assert parse_update_names(text) == names


def test_an_update_that_is_never_chosen() -> None:
    with pytest.raises(UsageError, match="never chooses 'quantized'"):
        parse_update_names("auto,quantized")


def test_an_unknown_name() -> None:
    with pytest.raises(PluginError, match="no update called 'nonesuch'"):
        parse_update_names("nonesuch")


def test_reshaping_depends_on_the_types_and_on_no_setting() -> None:
    longer = TensorSpec("F32", (200, 160))
    assert may_reshape((), SPEC, longer)
    assert not may_reshape((), SPEC, TensorSpec("BF16", (200, 160)))
