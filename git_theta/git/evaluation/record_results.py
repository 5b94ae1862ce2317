"""Results of tests, recorded in the work tree beside those that are there."""

from __future__ import annotations

import os
from collections.abc import Iterable

from git_theta.errors import UsageError
from git_theta.evaluation.comparison import ComparedResult
from git_theta.evaluation.recorded_results import (
    MAX_RESULTS,
    RecordedResult,
    parse_results,
    recorded,
    results_path,
    results_text,
)
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.tracked_text import tracked_place, write_tracked_text
from git_theta.small_file import read_small_file


def old_results(repository: Repository, model: str) -> tuple[bytes, dict[str, RecordedResult]]:
    """The recorded results of a model in the work tree, as a text, and by the names of their tests.

    Raises:
        UsageError: The text isn't valid, or is a link, or in a folder that's one.
    """
    path = results_path(model)
    place = tracked_place(repository.root, path)
    if place.is_symlink():
        raise UsageError(f"{path} is a link, and results are recorded in files", "replace it")
    old = read_small_file(place, MAX_RESULTS) if os.path.lexists(place) else b""
    return old, parse_results(old, path) if old else {}


def record_results(repository: Repository, results: Iterable[ComparedResult]) -> list[str]:
    """Record results of the index's models; paths of the texts that changed, from the top.

    Results of versions that a command couldn't test, or that can't be read, aren't recorded.

    Raises:
        UsageError: A text that's there isn't valid, or can't be written.
    """
    by_model: dict[str, list[ComparedResult]] = {}
    for each in results:
        if each.result.digest and not each.result.is_skipped:
            by_model.setdefault(each.result.model, []).append(each)
    written = []
    for model, found in sorted(by_model.items()):
        path = results_path(model)
        old, table = old_results(repository, model)
        table |= {each.result.test: recorded(each.test, each.result) for each in found}
        text = results_text(table)
        if text != old:
            write_tracked_text(repository.root, path, text)
            written.append(path)
    return written
