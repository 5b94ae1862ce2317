from __future__ import annotations

import sys

import pytest

from git_theta.errors import UsageError
from git_theta.yaml_file import read_yaml_file


def test_errors_name_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("yaml")
    assert read_yaml_file(b"a: [1]", "m.yml") == {"a": [1]}
    with pytest.raises(UsageError, match=r"m\.yml isn't YAML: line 1"):
        read_yaml_file(b"a: [", "m.yml")
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(UsageError, match=r"m\.yml: YAML needs PyYAML(?s:.*)git-theta\[yaml\]"):
        read_yaml_file(b"a: 1", "m.yml")
