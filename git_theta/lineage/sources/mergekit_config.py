"""`mergekit_config.yml`: the models of a merge, which mergekit writes beside the result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from git_theta.lineage.sources.stated import MAX_PARENTS, StatedParent, as_name
from git_theta.yaml_file import read_yaml_file

#: The name of the file, in the folder of the model; and its bytes, at most.
MERGEKIT = "mergekit_config.yml"
MAX_CONFIG = 64 << 10


def mergekit_parents(data: bytes) -> list[StatedParent]:
    """The models of a merge, the base model first.

    Args:
        data: The file.

    Raises:
        UsageError: The file isn't YAML, or PyYAML isn't installed.
    """
    found = read_yaml_file(data, MERGEKIT)
    names = list(dict.fromkeys(filter(None, _names(found))))[:MAX_PARENTS]
    # Models may be given with a revision, and with an adapter after a plus sign.
    return [StatedParent(*_parts(name)) for name in names]


def _names(found: Any) -> Iterator[str]:
    if not isinstance(found, dict):
        return
    yield _model(found.get("base_model"))
    for each in _tables(found.get("models")):
        yield _model(each.get("model"))
    for part in _tables(found.get("slices")):
        for each in _tables(part.get("sources")):
            yield _model(each.get("model"))


def _tables(found: Any) -> list[dict[str, Any]]:
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _model(found: Any) -> str:
    """The name of a model: a text, or what mergekit makes of it."""
    if isinstance(found, dict):
        inner = found.get("model", found)
        if isinstance(inner, dict):
            path, revision = as_name(inner.get("path")), as_name(inner.get("revision"))
            return f"{path}@{revision}" if path and revision else path
        return as_name(inner)
    return as_name(found)


def _parts(name: str) -> tuple[str, str, str]:
    model = name.partition("+")[0]
    path, _, revision = model.partition("@")
    return path, "merge", revision
