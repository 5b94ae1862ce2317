"""The walk-through of `git theta demo`: real training, real git commands, every version checked."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_theta.demo.checkpoint import load, save
from git_theta.demo.data import both, load_digits, only, shifted
from git_theta.demo.session import Session
from git_theta.demo.train import accuracy, fine_tune, train
from git_theta.errors import CorruptError, UsageError
from git_theta.store.local import LocalStore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rich.console import Console

    from git_theta.demo.data import Array, Digits

MODEL = "model.safetensors"

#: Another repository, as on a server, and its clone; both are in a folder that Git doesn't look into.
REMOTE, CLONE = ".git/demo/remote.git", ".git/demo/clone"

#: The digits that each fine-tune learns.
LOW, HIGH = range(5), range(5, 10)


@dataclass(frozen=True, slots=True)
class Version:
    """A committed checkpoint, as it was before Git had it.

    Attributes:
        branch: Where it was committed.
        commit: The commit.
        held_out: What its accuracy was measured on.
        accuracy: The share of right answers, in 0..1.
        sha256: Of the file.
        size: Of the file, in bytes.
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
        console: Where the commands and their output are shown.

    Raises:
        UsageError: There's something in the folder.
        GitError: A command failed.
        CorruptError: A version came back changed.
    """
    _use_one_thread()
    session = begin(directory, console)
    path = session.directory / MODEL
    training, held_out = load_digits()
    base = train(training, epochs=2)
    save(path, base)
    versions = [commit(session, "main", "train on all digits", base, held_out)]

    branch(session, "low", "A fine-tune on 0 to 4 only, which forgets the others:")
    low = fine_tune(base, only(training, LOW))
    save(path, low)
    inspect(session)
    versions.append(commit(session, "low", "learn 0 to 4", low, held_out))
    branch(session, "high", "And one on 5 to 9, on a branch of its own:")
    high = fine_tune(base, only(training, HIGH))
    save(path, high)
    versions.append(commit(session, "high", "learn 5 to 9", high, held_out))
    versions.append(merge(session, "low", held_out))
    compare(session, held_out, {"base": base, "low": low, "high": high, "merged": load(path)})

    branch(session, "head", "A fine-tune of the last two layers only, on shifted digits:")
    shift = fine_tune(base, both(training, shifted(training)), layers=(-2, -1), epochs=10, learning_rate=3e-3)
    save(path, shift)
    versions.append(commit(session, "head", "learn shifts, trunk frozen", shift, shifted(held_out)))

    session.say("What the last version consists of, and what all of them cost:")
    session.theta("show", MODEL)
    session.theta("du")
    session.say("Every version, checked out again:")
    for version in versions:
        check(session, version)
    session.say("Pushed to another repository, and every version again in a clone of that one:")
    cloned = push_and_clone(session)
    for version in versions:
        check(cloned, version)
    summarise(session, versions)


def begin(directory: Path, console: Console) -> Session:
    """A new repository that tracks safetensors files, independent of any global set-up.

    Raises:
        UsageError: The folder isn't empty, or isn't a folder.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise UsageError(f"{directory} isn't an empty folder", "name a new one: git theta demo DIRECTORY")
    directory.mkdir(parents=True, exist_ok=True)
    session = Session(directory.resolve(), console)
    session.say("A new repository that tracks models:")
    session.git("init", "--quiet", "--initial-branch=main")
    for setting, value in (("user.name", "git-theta demo"), ("user.email", "demo@example.org")):
        if not session.has(setting):
            session.git("config", setting, value)
    session.theta("install", "--local")
    session.theta("track", "*.safetensors")
    session.git("add", ".gitattributes")
    session.git("commit", "--quiet", "--message", "track models")
    session.say("A classifier of handwritten digits, trained here and now, a little:")
    return session


def branch(session: Session, name: str, purpose: str) -> None:
    """Start a branch at the trained model."""
    session.say(purpose)
    session.git("checkout", "--quiet", "-b", name, "main")


def merge(session: Session, other: str, held_out: Digits) -> Version:
    """Merge a branch into the current one, and remember what came out."""
    session.say("Git merges them: every parameter that both changed is averaged, which takes no space:")
    session.git("merge", "--quiet", "--no-edit", other)
    session.theta("show", MODEL, lines=6)
    path = session.directory / MODEL
    right = accuracy(load(path), held_out)
    commit_id = session.ask("rev-parse", "--short", "HEAD")
    return Version("merged", commit_id, held_out, right, _sha256(path), path.stat().st_size)


def compare(session: Session, held_out: Digits, models: Mapping[str, Mapping[str, Array]]) -> None:
    """How well each model knows all digits, and each half of them."""
    session.say("What each of them knows of digits that none has seen:")
    for name, params in models.items():
        everything, low, high = (
            accuracy(params, part) for part in (held_out, only(held_out, LOW), only(held_out, HIGH))
        )
        session.console.print(
            f"  {name:<8} accuracy {everything:7.2%}   0 to 4: {low:7.2%}   5 to 9: {high:7.2%}",
            highlight=False,
        )


def commit(session: Session, name: str, message: str, params: dict[str, Array], held_out: Digits) -> Version:
    """Add and commit the saved checkpoint, and remember what it was."""
    path = session.directory / MODEL
    right = accuracy(params, held_out)
    session.console.print(f"  {MODEL}: {path.stat().st_size:,} bytes, accuracy {right:.2%}", highlight=False)
    session.git("add", MODEL)
    session.git("commit", "--quiet", "--message", message)
    commit_id = session.ask("rev-parse", "--short", "HEAD")
    return Version(name, commit_id, held_out, right, _sha256(path), path.stat().st_size)


def inspect(session: Session) -> None:
    """What Git tells about a changed checkpoint."""
    session.git("status", "--short")
    session.git("diff", "--stat")
    session.git("diff")


def push_and_clone(session: Session) -> Session:
    """Push all branches to a new bare repository, clone that one, and return the clone."""
    session.git("init", "--quiet", "--bare", "--initial-branch=main", REMOTE)
    session.git("remote", "add", "origin", REMOTE)
    session.git("push", "origin", "--all")
    session.git("clone", "--quiet", "--no-checkout", REMOTE, CLONE)
    cloned = Session(session.directory / CLONE, session.console)
    # What's set in the first repository only isn't cloned.
    cloned.theta("install", "--local", lines=0)
    return cloned


def check(session: Session, version: Version) -> None:
    """Check a version out and compare it with what was committed.

    Raises:
        CorruptError: The file or the model's accuracy isn't the same.
    """
    session.git("checkout", "--quiet", version.commit)
    path = session.directory / MODEL
    if _sha256(path) != version.sha256:
        raise CorruptError(
            f"{MODEL} of commit {version.commit} ({version.branch}) came back with other bytes"
        )
    right = accuracy(load(path), version.held_out)
    if right != version.accuracy:
        raise CorruptError(
            f"commit {version.commit} ({version.branch}) came back with an accuracy of {right:.2%}"
            f" where it had {version.accuracy:.2%}"
        )
    session.console.print(f"  same bytes, accuracy {right:.2%} ({version.branch})", highlight=False)


def summarise(session: Session, versions: list[Version]) -> None:
    """Bytes of all versions against bytes stored, and back to the first branch."""
    session.git("checkout", "--quiet", "main")
    folder = session.directory / session.ask("rev-parse", "--git-common-dir")
    objects = sum(size for _, size in LocalStore(folder / "theta").list())
    manifests = sum(int(session.ask("cat-file", "-s", f"{version.commit}:{MODEL}")) for version in versions)
    raw = sum(version.size for version in versions)
    session.say(
        f"{len(versions)} versions of {raw:,} bytes in all are stored in {objects + manifests:,} bytes"
        f" ({(objects + manifests) / raw:.0%}): {objects:,} of objects, {manifests:,} of manifests."
    )
    session.console.print(f"The repository is yours to play with: {session.directory}", highlight=False)


def _use_one_thread() -> None:
    """Keep BLAS from spinning: on layers this small its threads cost far more than they bring.

    It reads these variables when numpy is first imported.
    """
    for library in ("OPENBLAS", "OMP", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    os.environ.setdefault("VECLIB_MAXIMUM_THREADS", "1")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
