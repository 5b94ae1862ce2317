"""The log, the changes and the blame of a file in the repository of the current folder."""

from __future__ import annotations

from git_theta.git.history.blame import BlameResult, blame
from git_theta.git.history.file_log import FileRevision, file_revisions
from git_theta.git.history.param_log import ParameterChanges, parameter_changes
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.manifest_reader import ManifestReader
from git_theta.git.repository.repository import Repository

#: Values of three parameters; `B` and `C` change one each.
A = {"one": "1", "two": "2", "three": "3"}
B = A | {"one": "1b"}
C = A | {"two": "2c"}


def revisions_of(tip: str, path: str = "m.bin") -> list[FileRevision]:
    git = Git()
    with ManifestReader(git) as manifests:
        return list(file_revisions(git, manifests, tip, path))


def changes_of(tip: str, path: str = "m.bin", *names: str) -> list[ParameterChanges]:
    git = Git()
    is_chosen = names.__contains__ if names else None
    with ManifestReader(git) as manifests:
        revisions = list(file_revisions(git, manifests, tip, path))
        return list(parameter_changes(revisions, manifests, lambda oid: None, is_chosen))


def blame_of(tip: str, path: str = "m.bin") -> BlameResult:
    repository = Repository(Git())
    with ManifestReader(repository.git) as manifests:
        manifest = manifests.get(repository.git.line("rev-parse", f"{tip}:{path}"))
        assert manifest
        return blame(repository, manifests, manifest, tip, path, lambda _: True)


def subjects(found: BlameResult) -> dict[str, str]:
    """The subject of the commit that each parameter comes from."""
    return {origin.entry.name: origin.commit.subject for origin in found.origins}
