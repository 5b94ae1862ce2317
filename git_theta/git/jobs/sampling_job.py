"""Jobs that read samples of a model's values, for the inference of parents."""

from __future__ import annotations

from dataclasses import dataclass

from git_theta.git.jobs.remote_source import RemoteSource
from git_theta.git.jobs.worker_clone import GIT_PATIENCE
from git_theta.git.jobs.worker_repository import worker_repository
from git_theta.git.lineage.sampled_models import sampled_models
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.remote.fetch import ensure_values
from git_theta.jobs.job import JobPlace
from git_theta.lineage.inference.sampled_model import SampledModel


@dataclass(frozen=True, slots=True)
class SamplingJob:
    """The reading of samples of a model, in a clone of a remote.

    Attributes:
        source: The remote.
        commit: The id of the commit that has the model.
        model: The model's path.
        patience: Seconds for Git to get the commit.
    """

    source: RemoteSource
    commit: str
    model: str
    patience: float = GIT_PATIENCE

    @property
    def title(self) -> str:
        """The model."""
        return f"samples of {self.model}"

    def run(self, place: JobPlace) -> list[SampledModel]:
        """The model with samples of all its values; none if it can't be read.

        Raises:
            WorkerError: The clone can't be made, or the time is over.
            ThetaError: Objects can't be fetched.
        """
        with (
            worker_repository(place, self.source, self.patience, self.commit) as repository,
            LineageTree(repository, self.commit) as tree,
        ):
            entries = [entry for manifest in tree.manifests(self.model) for entry in manifest.entries]
            ensure_values(repository, entries)
            return sampled_models(tree, [self.model], reads_all=True)
