"""References in the texts of scripts."""

from __future__ import annotations

from git_theta.evaluation.script_references import imported_modules, module_paths, shell_words

SCRIPT = """
import os, numpy as np
import package.part  # why
from helpers import (
    load,
    save as write,
)
from . import near
from ..far.deep import thing
def f():
    from lazy import x; import y
"import quoted"
"""


def test_imports_of_a_script() -> None:
    absolute, relative = imported_modules(SCRIPT)
    assert {"os", "numpy", "package.part", "helpers", "helpers.load", "helpers.save", "lazy"} <= {*absolute}
    assert {(1, "near"), (2, "far.deep"), (2, "far.deep.thing")} <= {*relative}
    assert imported_modules("from\nimport (((") == ([], [])


def test_paths_of_modules() -> None:
    assert [*module_paths(["a.b"])] == ["a.py", "a/__init__.py", "a/b.py", "a/b/__init__.py"]


def test_words_of_a_shell() -> None:
    assert shell_words("cd x && python 'a.py' --out=b >c;") == [
        "cd",
        "x",
        "python",
        "a.py",
        "--out",
        "b",
        "c",
    ]
