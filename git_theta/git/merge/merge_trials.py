"""Trials of merge rules: models merged into previews, tested on scratch copies; nothing else is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from git_theta.errors import ThetaError, UsageError
from git_theta.evaluation.model_test import ModelTest
from git_theta.evaluation.result import TestResult, check_undisturbed
from git_theta.git.evaluation.evaluator import Elsewhere, Evaluator
from git_theta.git.evaluation.result_cache import ResultCache
from git_theta.git.evaluation.test_job import TestJob, version_job
from git_theta.git.evaluation.tested_version import TestedVersion, files_beside
from git_theta.git.evaluation.version_trees import VersionTrees
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.merge.candidates import MergeCandidate, candidates, with_base
from git_theta.git.merge.git_merge import rules_text
from git_theta.git.merge.merge_candidates import merge_candidates, versions
from git_theta.git.merge.parents import Parents, merge_base
from git_theta.git.merge.preview_store import PreviewRepository, preview_store
from git_theta.git.merge.sharded_sides import MergedCommits, sharded_sides
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.remote.fetch import ensure_values
from git_theta.git.repository.merge_rules import for_command
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.workspace import Workspace
from git_theta.merging.rules import MergeRule
from git_theta.merging.search.strategy_search import MergeTrial
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import MAX_TEXT_BYTES, parse_if_manifest

#: Makes a context in which a function is called if what runs in it is to end.
Stopping = Callable[[Callable[[], object]], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class MergedModelFiles:
    """A model whose merges are tried.

    Attributes:
        name: The model's path.
        files: Path → blob of ours, of each of its files.
        candidates: Its files that several sides changed, or one.
    """

    name: str
    files: Mapping[str, str]
    candidates: tuple[MergeCandidate, ...]


@dataclass
class MergeTrials:
    """Tries merge rules.

    Attributes:
        repository: The repository, with Git at the top of its work tree.
        test: The test.
        parents: The commits to merge.
        models: The models that the test is for.
        base: The merge base's commit; `None` if there's none.
        more: Rules of the user for some parameters, and about the form of the result.
        all_parameters: Whether strategies are for parameters that only one side changed, too; `None` to leave
            it to the strategy.
        one_sided: Files that only one side changed, of models that aren't tried.
        elsewhere: Gives the function that runs tests of models merged by a rule on other machines; `None` to
            run all here.
        cache: The results of earlier searches; `None` to open them for each trial.
        results: The results by the digest of the merged model.
    """

    repository: Repository
    test: ModelTest
    parents: Parents
    models: Sequence[MergedModelFiles]
    base: str | None
    more: Sequence[MergeRule] = ()
    all_parameters: bool | None = None
    one_sided: Sequence[str] = ()
    elsewhere: Callable[[MergeRule], Elsewhere] | None = None
    cache: ResultCache | None = None
    results: dict[tuple[str, str], TestResult] = field(default_factory=dict)

    @property
    def has_base(self) -> bool:
        """Whether all files have a version in the merge base."""
        return all(each.base for model in self.models for each in model.candidates)

    def rules(self, rule: MergeRule) -> tuple[MergeRule, ...]:
        """The rules of a merge, as `git theta merge` has them: that of a trial, and those of the user."""
        return tuple(for_command(each, self.all_parameters) for each in (rule, *self.more))

    def attempt(self, rule: MergeRule) -> MergeTrial:
        """Merge all models by a rule, and test the results.

        Raises:
            ThetaError: A test can't run.
        """
        with preview_store(self.repository.store) as store:
            preview = PreviewRepository(self.repository.git, store)
            try:
                merged = {model.name: self._merged(preview, model, rule) for model in self.models}
            except ThetaError as error:
                lines = " ".join(error.message.split())
                return MergeTrial(rule, None, problem=lines)
            results, cost = {}, 0
            elsewhere = self.elsewhere(rule) if self.elsewhere else None
            with Evaluator(preview, elsewhere=elsewhere, cache=self.cache) as evaluator:
                for model in self.models:
                    job = self._job(evaluator, model, merged[model.name])
                    key = model.name, job.version.digest
                    if key not in self.results:
                        cost += 1
                        result = evaluator.run(job)
                        check_undisturbed(result)
                        self.results[key] = result
                    results[model.name] = self.results[key]
        return MergeTrial(
            rule,
            self.score(list(results.values())),
            cost,
            {name: result.value for name, result in results.items()},
            {name: result.digest for name, result in results.items()},
            next((result.problem for result in results.values() if not result.ok), ""),
        )

    def tested(
        self, rule: MergeRule, name: str, *, again: bool = False, stopping: Stopping = nullcontext
    ) -> tuple[TestResult, bool]:
        """The result of one model merged by a rule, and whether the same content will have it again.

        Args:
            rule: The rule.
            name: The model's path.
            again: Whether the command runs even if it ran on the same content before.
            stopping: Makes a context in which the given function is called if the test is to end.

        Raises:
            ThetaError: The model can't be merged, or the test can't run.
        """
        (model,) = [each for each in self.models if each.name == name]
        with preview_store(self.repository.store) as store:
            preview = PreviewRepository(self.repository.git, store)
            merged = self._merged(preview, model, rule)
            with Evaluator(preview) as evaluator, stopping(evaluator.stop):
                job = self._job(evaluator, model, merged)
                result = evaluator.run(job, again=again)
                return result, evaluator.known(job) is not None

    def score(self, results: Sequence[TestResult]) -> float | None:
        """The mean of the metrics, negative where lower is better; `None` if a test fails or can't judge."""
        if not all(result.ok for result in results):
            return None
        values = [result.value for result in results if result.value is not None]
        mean = sum(values) / len(values) if values else 1.0
        return mean if self.test.higher_is_better else -mean

    def _merged(self, preview: Repository, model: MergedModelFiles, rule: MergeRule) -> dict[str, Manifest]:
        """Path → manifest, of each file of a merged model."""
        rules = self.rules(rule)
        everything = any(each.changes_everything for each in rules)
        chosen = [each for each in model.candidates if everything or not each.one_sided]
        revisions = [*self.parents.sides, *([self.base] if self.base else [])]
        merged = merge_candidates(preview, chosen, rules_text(rules), revisions)
        taken = {**model.files, **{each.path: _only_change(each) for each in model.candidates}}
        with Blobs(preview.git.cwd) as blobs:
            found = {}
            for path, oid in taken.items():
                result = merged[path].manifest if path in merged else None
                manifest = result or parse_if_manifest(blobs.read(oid, MAX_TEXT_BYTES) or b"")
                if manifest is None:
                    raise UsageError(f"{path} isn't a checkpoint in every version")
                found[path] = manifest
            return found

    def _job(self, evaluator: Evaluator, model: MergedModelFiles, files: Mapping[str, Manifest]) -> TestJob:
        with evaluator.tree(self.parents.head) as tree:
            names = {path.rpartition("/")[2]: manifest for path, manifest in files.items()}
            beside = files_beside(tree, next(iter(files)), list(names))
            version = TestedVersion(model.name, names, beside, tree.models[model.name].is_sharded)
            job = version_job(tree, self.test, model.name)
        return TestJob(self.test, "", version, job.parent)


def merge_trials(
    trees: VersionTrees,
    test: ModelTest,
    parents: Parents,
    base: str = "",
    more: Sequence[MergeRule] = (),
    all_parameters: bool | None = None,
) -> MergeTrials:
    """The trials of a merge; objects of all versions are fetched.

    Args:
        trees: Trees of the repository, with Git at the top of its work tree.
        test: The test.
        parents: The commits to merge.
        base: The merge base of checkpoints, as `base_id` gives it; empty for Git's.
        more: See `MergeTrials`.
        all_parameters: See `MergeTrials`.

    Raises:
        UsageError: There's nothing to merge, or the test is for none of the models.
        ThetaError: Objects can't be fetched, or a version can't be read.
    """
    repository = trees.repository
    git, sides = repository.git, parents.sides
    if len(sides) < 2:
        raise UsageError("there's nothing to search: one branch contains the other", "git theta merge BRANCH")
    ancestor = merge_base(git, sides)
    apart = sharded_sides(git, MergedCommits(ancestor, sides[0], sides[1])) if len(sides) == 2 else []
    excluded = {path for each in apart for path in each.paths}
    found = [each for each in candidates(git, ancestor, sides, one_sided=True) if each.path not in excluded]
    models = _models(trees.tree(sides[0]), with_base(git, found, base))
    chosen = [model for model in models if trees.is_for(test, model.name, sides[0])]
    if not chosen and apart:
        raise UsageError(
            f"{apart[0].title} has other shards on each side, and merges of it can't be tried",
            "shard it alike on both sides; or git theta merge --test, with a strategy of your choice",
        )
    if not chosen:
        raise UsageError(
            f"test {test.name} is for no model that both sides changed",
            "git theta test list shows what tests are for",
        )
    with Workspace(repository) as workspace:
        manifests = [m for each in chosen for file in each.candidates for m in versions(workspace, file)]
    ensure_values(repository, (entry for manifest in manifests for entry in manifest.all_entries()))
    tried = {path for model in chosen for path in model.files}
    alone = [each.path for each in found if each.one_sided and each.path not in tried]
    return MergeTrials(repository, test, parents, chosen, ancestor, more, all_parameters, alone)


def _models(tree: LineageTree, found: Sequence[MergeCandidate]) -> list[MergedModelFiles]:
    """Models of ours that several sides changed, in the order of their names."""
    by_path = {each.path: each for each in found}
    models = []
    for name, parts in sorted(tree.models.items()):
        own = tuple(by_path[path] for path in parts.files if path in by_path)
        if any(not each.one_sided for each in own) and not parts.problem:
            files = dict(zip(parts.files, tree.blobs_of(name), strict=True))
            models.append(MergedModelFiles(name, files, own))
    return models


def _only_change(candidate: MergeCandidate) -> str:
    """The blob of the only side that changed a file, or of ours."""
    return candidate.sides[candidate.changed[0] if candidate.changed else 0]
