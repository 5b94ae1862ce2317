from __future__ import annotations

import pytest

from git_theta.errors import CorruptError
from git_theta.updates import whole_value as module
from git_theta.updates.whole_value import whole_value
from tests.helpers.weights import input_of


@pytest.mark.parametrize("in_memory", [0, 1000])
def test_all_bytes_are_held(in_memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IN_MEMORY", in_memory)
    assert whole_value(input_of(bytes(range(200)), step=7), 200) == bytes(range(200))


@pytest.mark.parametrize("size", [0, 199, 201])
def test_another_size_is_refused(size: int) -> None:
    with pytest.raises(CorruptError, match="another size"):
        whole_value(lambda _nbytes: iter([memoryview(bytes(size))]), 200)
