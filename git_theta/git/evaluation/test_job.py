"""Tests of versions of models, ready to run, and the keys by which their results are kept."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from git_theta.checkpoint_file import fingerprint
from git_theta.errors import UsageError
from git_theta.evaluation.model_test import ModelTest
from git_theta.git.evaluation.found_parent import find_parent
from git_theta.git.evaluation.tested_version import (
    MAX_BESIDE,
    TestedVersion,
    files_beside,
    is_beside,
    tested_version,
)
from git_theta.git.lineage.read_graph import graph_of
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.work_file import work_file
from git_theta.model.strided import temporary_file
from git_theta.small_file import read_small_file


@dataclass(frozen=True, slots=True)
class TestJob:
    """A test of a version of a model, ready to run.

    Attributes:
        test: The test.
        rev: The revision, as the user named it; empty for the index, and for files that Git doesn't have.
        version: The version.
        parent: The version of its first parent that it was made from, if the command reads it.
        place: The file, or the folder of files, to be tested; `None` to make a copy of the version.
        attempt: A number by which runs on the same content differ: flaky tests are run several times.
        remark: A sentence about the parent that users should know; empty if there's none.
    """

    #: For pytest, which takes classes of such names for tests.
    __test__ = False

    test: ModelTest
    rev: str
    version: TestedVersion
    parent: TestedVersion | None = None
    place: Path | None = None
    attempt: int = 0
    remark: str = ""

    def key(self, inputs: Mapping[str, str]) -> str:
        """The key of the job's result: a digest of all that it depends on.

        Args:
            inputs: Path → digest of the content, of the files that the command reads.
        """
        facts = {
            **self.version.identity,
            "command": self.test.command,
            "metric": self.test.metric,
            "inputs": dict(inputs),
            "path": self.version.name if self.test.uses("{path}") else "",
            "parent": self.parent.identity if self.parent else None,
            "attempt": self.attempt,
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def version_job(tree: LineageTree, test: ModelTest, model: str, rev: str = "", attempt: int = 0) -> TestJob:
    """The job of a test of a version that Git has.

    Args:
        tree: The tree of the version.
        test: The test.
        model: The model's path in the tree.
        rev: The revision, as the user named it; empty for the index.
        attempt: See `TestJob`.

    Raises:
        UsageError: The tree has no such model, or the command reads a parent that it hasn't.
        ManifestError: A manifest is damaged.
    """
    return _with_parent(tree, TestJob(test, rev, tested_version(tree, model), attempt=attempt))


def file_job(
    tree: LineageTree,
    test: ModelTest,
    model: str,
    place: Path,
    threads: int,
    attempt: int = 0,
    parent_model: str = "",
) -> TestJob:
    """The job of a test of a file that Git doesn't have.

    Args:
        tree: The tree of the index, with the small files of the model.
        test: The test.
        model: The model's path in the repository, that it has or would have.
        place: The file; or a folder with the files of the model, by their names.
        threads: The number of parameters to hash at once.
        attempt: See `TestJob`.
        parent_model: The digest of the version of its first parent that it was made from; empty for that of
            the record.

    Raises:
        UsageError: A file isn't there, or the command reads a parent that the model hasn't.
    """
    if place.is_dir():
        found = {each.name: each for each in sorted(place.iterdir()) if each.is_file()}
        places = {name: each for name, each in found.items() if not is_beside(name)}
        given = {name: read_small_file(found[name], MAX_BESIDE) for name in found.keys() - places}
    else:
        given = {}
        # The copy has the model's own name.
        places = {model.rpartition("/")[2]: place}
    files = {}
    for name, path in places.items():
        with work_file(os.path.realpath(path)) as file:
            if file is None:
                raise UsageError(f"{path} isn't a file that can be tested")
            files[name] = fingerprint(file.data, threads, temporary_file, neighbours=file.neighbours)
    beside = {**files_beside(tree, model, list(files)), **given}
    version = TestedVersion(model, files, beside, is_sharded=place.is_dir())
    job = TestJob(test, "", version, place=place, attempt=attempt)
    return _with_parent(tree, job, parent_model)


def _with_parent(tree: LineageTree, job: TestJob, digest: str = "") -> TestJob:
    """The job with the version that the model was made from, if the command reads it.

    Args:
        tree: The tree of the version.
        job: The job.
        digest: The digest of the first parent; empty for that of the record.

    Raises:
        UsageError: The model has no parent that Git has.
    """
    test, model = job.test, job.version.name
    if not test.uses("{parent}"):
        return job
    graph = graph_of(tree)
    for edge in graph.derivations_of(model) if model in graph.models else ():
        found = find_parent(tree, edge, digest)
        if found is None:
            continue
        remark = ""
        if not found.is_recorded:
            remark = f"{edge.parent} of now was read as the parent: history doesn't have the recorded version"
        if found.commit is None:
            return replace(job, parent=tested_version(tree, found.model), remark=remark)
        with LineageTree(tree.repository, found.commit) as before:
            return replace(job, parent=tested_version(before, found.model), remark=remark)
    raise UsageError(
        f"test {test.name} reads {{parent}}, and {model} has none here",
        "git theta lineage add records what a model was made from",
    )
