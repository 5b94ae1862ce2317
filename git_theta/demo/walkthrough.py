"""The walk-through of `git theta demo`: real training, real git commands, every version checked."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_theta.demo.checkpoint import load_params, save_params
from git_theta.demo.data import concatenated, load_digits, shifted, with_labels
from git_theta.demo.session import DemoSession
from git_theta.demo.train import accuracy, fine_tune, train
from git_theta.errors import CorruptError, UsageError
from git_theta.store.local import LocalStore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rich.console import Console

    from git_theta.demo.data import Array, Digits

MODEL = "model.safetensors"

#: A bare repository in place of a server, and a clone of it; both are inside `.git`, out of Git's sight.
REMOTE, CLONE = ".git/demo/remote.git", ".git/demo/clone"

#: The digits that each fine-tune learns.
LOW, HIGH = range(5), range(5, 10)


@dataclass(frozen=True, slots=True)
class CommittedModel:
    """A committed checkpoint, described before it was committed.

    Attributes:
        branch: The branch, or a name for the merge.
        commit: The abbreviated id of the commit.
        held_out: The digits on which its accuracy was measured.
        accuracy: The share of right answers, in 0..1.
        sha256: The SHA-256 of the file, hexadecimal.
        size: The size of the file in bytes.
    """

    branch: str
    commit: str
    held_out: Digits
    accuracy: float
    sha256: str
    size: int


def run(directory: Path, console: Console) -> None:
    """Make a repository with a model, fine-tunes of it and their merge, then check every version.

    Args:
        directory: An empty folder, or one that doesn't exist yet.
        console: The console for the commands and their output.

    Raises:
        UsageError: The folder isn't empty.
        GitError: A command failed.
        CorruptError: A version came back with other bytes or another accuracy.
    """
    _use_one_thread()
    session = start_repository(directory, console)
    path = session.directory / MODEL
    training, held_out = load_digits()
    base = train(training, epochs=2)
    save_params(path, base)
    versions = [commit_model(session, "main", "train on all digits", base, held_out)]

    start_branch(session, "low", "A fine-tune on 0 to 4 only, which forgets the others:")
    low = fine_tune(base, with_labels(training, LOW))
    save_params(path, low)
    show_change(session)
    versions.append(commit_model(session, "low", "learn 0 to 4", low, held_out))
    start_branch(session, "high", "A fine-tune on 5 to 9 only, on another branch:")
    high = fine_tune(base, with_labels(training, HIGH))
    save_params(path, high)
    versions.append(commit_model(session, "high", "learn 5 to 9", high, held_out))
    versions.append(merge_branch(session, "low", held_out))
    print_accuracies(session, held_out, {"base": base, "low": low, "high": high, "merged": load_params(path)})

    start_branch(session, "head", "A fine-tune of the last two layers only, on shifted digits:")
    shift = fine_tune(
        base, concatenated(training, shifted(training)), layers=(-2, -1), epochs=10, learning_rate=3e-3
    )
    save_params(path, shift)
    versions.append(commit_model(session, "head", "learn shifts, trunk frozen", shift, shifted(held_out)))
    versions.append(rebase_branch(session, "high", shifted(held_out)))

    session.say("The parameters of the last version, and the stored bytes of all versions:")
    session.theta("show", MODEL)
    session.theta("du")
    session.say("Every version, checked out again:")
    for version in versions:
        check_version(session, version)
    session.say("All branches pushed to another repository, and every version checked out in a clone of it:")
    cloned = push_and_clone(session)
    for version in versions:
        check_version(cloned, version)
    summarise(session, versions)


def start_repository(directory: Path, console: Console) -> DemoSession:
    """A new repository that tracks safetensors files, independent of any global set-up.

    Raises:
        UsageError: The folder isn't empty, or isn't a folder.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise UsageError(f"{directory} isn't an empty folder", "name a new one: git theta demo DIRECTORY")
    directory.mkdir(parents=True, exist_ok=True)
    session = DemoSession(directory.resolve(), console)
    session.say("A new repository that tracks models:")
    session.git("init", "--quiet", "--initial-branch=main")
    for setting, value in (("user.name", "git-theta demo"), ("user.email", "demo@example.org")):
        if not session.has(setting):
            session.git("config", setting, value)
    session.theta("install", "--local")
    session.theta("track", "*.safetensors")
    session.git("add", ".gitattributes")
    session.git("commit", "--quiet", "--message", "track models")
    session.say("A classifier of handwritten digits, trained for two epochs:")
    return session


def start_branch(session: DemoSession, name: str, purpose: str) -> None:
    """Start a branch at the trained model."""
    session.say(purpose)
    session.git("checkout", "--quiet", "-b", name, "main")


def merge_branch(session: DemoSession, other: str, held_out: Digits) -> CommittedModel:
    """Merge a branch into the current one; returns the merged model."""
    session.say("Git merges them: every parameter that both changed is averaged, which takes no space:")
    session.git("merge", "--quiet", "--no-edit", other)
    session.theta("show", MODEL, lines=6)
    return describe_head(session, "merged", held_out)


def rebase_branch(session: DemoSession, onto: str, held_out: Digits) -> CommittedModel:
    """Rebase a copy of the current branch; returns the rebased model."""
    session.say("A rebase onto the merged model applies that fine-tune as a change, and takes nothing away:")
    session.git("checkout", "--quiet", "-b", "rebased")
    session.git("rebase", "--quiet", onto)
    return describe_head(session, "rebased", held_out)


def describe_head(session: DemoSession, name: str, held_out: Digits) -> CommittedModel:
    """The description of the model in HEAD, which Git has written."""
    path = session.directory / MODEL
    right = accuracy(load_params(path), held_out)
    commit_id = session.ask("rev-parse", "--short", "HEAD")
    return CommittedModel(name, commit_id, held_out, right, _sha256(path), path.stat().st_size)


def print_accuracies(
    session: DemoSession, held_out: Digits, models: Mapping[str, Mapping[str, Array]]
) -> None:
    """Print the accuracy of each model on all digits, and on each half of them."""
    session.say("Their accuracy on digits that none was trained on:")
    for name, params in models.items():
        everything, low, high = (
            accuracy(params, part)
            for part in (held_out, with_labels(held_out, LOW), with_labels(held_out, HIGH))
        )
        session.console.print(
            f"  {name:<8} accuracy {everything:7.2%}   0 to 4: {low:7.2%}   5 to 9: {high:7.2%}",
            highlight=False,
        )


def commit_model(
    session: DemoSession, name: str, message: str, params: dict[str, Array], held_out: Digits
) -> CommittedModel:
    """Add and commit the saved checkpoint; returns its description."""
    path = session.directory / MODEL
    right = accuracy(params, held_out)
    session.console.print(f"  {MODEL}: {path.stat().st_size:,} bytes, accuracy {right:.2%}", highlight=False)
    session.git("add", MODEL)
    session.git("commit", "--quiet", "--message", message)
    commit_id = session.ask("rev-parse", "--short", "HEAD")
    return CommittedModel(name, commit_id, held_out, right, _sha256(path), path.stat().st_size)


def show_change(session: DemoSession) -> None:
    """Show the output of Git about a changed checkpoint."""
    session.git("status", "--short")
    session.git("diff", "--stat")
    session.git("diff")


def push_and_clone(session: DemoSession) -> DemoSession:
    """Push all branches to a new bare repository, clone that one, and return the clone."""
    session.git("init", "--quiet", "--bare", "--initial-branch=main", REMOTE)
    session.git("remote", "add", "origin", REMOTE)
    session.git("push", "origin", "--all")
    session.git("clone", "--quiet", "--no-checkout", REMOTE, CLONE)
    cloned = DemoSession(session.directory / CLONE, session.console)
    # Local settings aren't cloned.
    cloned.theta("install", "--local", lines=0)
    return cloned


def check_version(session: DemoSession, version: CommittedModel) -> None:
    """Check a version out and compare it with its description.

    Raises:
        CorruptError: The bytes of the file or the accuracy of the model differ.
    """
    session.git("checkout", "--quiet", version.commit)
    path = session.directory / MODEL
    if _sha256(path) != version.sha256:
        raise CorruptError(
            f"{MODEL} of commit {version.commit} ({version.branch}) came back with other bytes"
        )
    right = accuracy(load_params(path), version.held_out)
    if right != version.accuracy:
        raise CorruptError(
            f"commit {version.commit} ({version.branch}) came back with an accuracy of {right:.2%}"
            f" where it had {version.accuracy:.2%}"
        )
    session.console.print(f"  same bytes, accuracy {right:.2%} ({version.branch})", highlight=False)


def summarise(session: DemoSession, versions: list[CommittedModel]) -> None:
    """Print the bytes of all versions and the stored bytes; check the first branch out again."""
    session.git("checkout", "--quiet", "main")
    folder = session.directory / session.ask("rev-parse", "--git-common-dir")
    objects = sum(size for _, size in LocalStore(folder / "theta").list())
    manifests = sum(int(session.ask("cat-file", "-s", f"{version.commit}:{MODEL}")) for version in versions)
    raw = sum(version.size for version in versions)
    session.say(
        f"{len(versions)} versions of {raw:,} bytes in all are stored in {objects + manifests:,} bytes"
        f" ({(objects + manifests) / raw:.0%}): {objects:,} of objects, {manifests:,} of manifests."
    )
    session.console.print(f"Try more commands in the repository: {session.directory}", highlight=False)


def _use_one_thread() -> None:
    """Keep BLAS from spinning: on layers this small, its threads cost more time than they save.

    BLAS reads these variables when numpy is first imported.
    """
    for library in ("OPENBLAS", "OMP", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    os.environ.setdefault("VECLIB_MAXIMUM_THREADS", "1")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
