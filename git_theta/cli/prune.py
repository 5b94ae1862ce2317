"""`git theta prune`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from git_theta.cli.render import print_json, print_table
from git_theta.errors import UsageError
from git_theta.git.maintenance.duration import parse_duration
from git_theta.git.maintenance.prune import PruneOptions, PruneResult, prune
from git_theta.git.maintenance.retention import Fate, StoredObject
from git_theta.git.plumbing.command import Git
from git_theta.git.remote.remotes import fetch_remotes
from git_theta.git.repository.repository import Repository
from git_theta.report.text import human_size, plural
from git_theta.runtime.output import say

_EPILOG = """\b
Examples:
  git theta prune --dry-run             say what would be deleted
  git theta prune --recent 0            keep only objects in use or not pushed
  git theta prune --remote backup       delete only objects that it has
"""


@click.command("prune", epilog=_EPILOG, short_help="Delete local objects that can be had again.")
@click.option("--dry-run", is_flag=True, help="Delete nothing.")
@click.option("--remote", default="", help="The remote that must have deleted objects; else the branch's.")
@click.option("--recent", help="How long versions stay, such as 2w; else theta.pruneRecent, or 10 days.")
@click.option(
    "--verify-remote/--no-verify-remote",
    default=None,
    help="Whether to ask the remote about each object; else theta.pruneVerifyRemote, or yes.",
)
@click.option("--force", is_flag=True, help="Prune a bare repository, too.")
@click.option("-v", "--verbose", is_flag=True, help="List the objects.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    dry_run: bool,
    remote: str,
    recent: str | None,
    verify_remote: bool | None,
    force: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Delete local objects of versions that are pushed, not recent, and not in use.

    A checkout fetches them again. Objects that no version names are deleted as well; so are those that no
    value needs any more after `git theta compact`, once every value that needed them was read in another way.
    What isn't pushed yet keeps them until it is.
    """
    repository = Repository(Git())
    if not force and repository.git.line("rev-parse", "--is-bare-repository") == "true":
        raise UsageError(
            "this repository is bare: others may fetch objects from it that are nowhere else",
            "add --force if nobody fetches from it",
        )
    options = PruneOptions(
        _remote(repository, remote),
        _recent(repository, recent),
        _verify(repository) if verify_remote is None else verify_remote,
        dry_run,
    )
    done = prune(repository, options)
    if as_json:
        print_json(_as_json(done, options))
        return
    if verbose:
        _list(done, options)
    say(_summary(done, options))
    absent = done.reasons.get(Fate.ABSENT, 0)
    if absent:
        verb = "isn't" if absent == 1 else "aren't"
        say(
            f"{plural(absent, 'object')} of pushed versions {verb} at {options.remote}. "
            f"Send them: git theta push {options.remote} --all"
        )
    if not options.remote:
        say("There's no remote, so only objects that no version names or needs may be deleted.")


def _remote(repository: Repository, name: str) -> str:
    known = fetch_remotes(repository)
    if name and name not in known:
        raise UsageError(f"there's no remote {name!r}", "`git remote` lists them")
    return name or next(iter(known), "")


def _recent(repository: Repository, text: str | None) -> float:
    if text is not None:
        return parse_duration(text)
    try:
        return parse_duration(repository.git.config("theta.prunerecent", "10 days"))
    except UsageError as error:
        raise UsageError(f"theta.pruneRecent: {error.message}", error.hint) from error


def _verify(repository: Repository) -> bool:
    key = "theta.pruneVerifyRemote"
    return repository.git.line("config", "--type=bool", "--default=true", "--get", key) == "true"


def _summary(done: PruneResult, options: PruneOptions) -> str:
    reasons = ", ".join(
        f"{done.reasons[fate]:,} {_why(fate, options)}" for fate in Fate if fate in done.reasons
    )
    unneeded = ", ".join(f"{count:,} {fate}" for fate, count in sorted(done.unneeded.items()))
    unneeded = f" ({unneeded})" if unneeded else ""
    would = "would be " if options.dry_run else ""
    shared = sum(item.size for item, _ in done.deleted if item.shared)
    rest = f"; {human_size(shared)} shared with other repositories stay" if shared else ""
    return (
        f"{plural(len(done.kept), 'object')} kept{f' ({reasons})' if reasons else ''}, "
        f"{len(done.deleted):,} {would}deleted{unneeded}, {human_size(done.freed)} {would}freed{rest}."
    )


def _list(done: PruneResult, options: PruneOptions) -> None:
    gone = "would be deleted" if options.dry_run else "deleted"
    print_table(
        ("object", ">size", "", "why"),
        [*_rows(done.kept, "kept", options), *_rows(done.deleted, gone, options)],
    )
    say("")


def _rows(
    items: Iterable[tuple[StoredObject, Fate]], what: str, options: PruneOptions
) -> Iterable[tuple[str, str, str, str]]:
    return ((item.oid, human_size(item.size), what, _why(fate, options)) for item, fate in items)


def _why(fate: Fate, options: PruneOptions) -> str:
    return f"not at {options.remote}" if fate is Fate.ABSENT else str(fate)


def _as_json(done: PruneResult, options: PruneOptions) -> dict[str, Any]:
    return {
        "dry_run": options.dry_run,
        "remote": options.remote,
        "verified": bool(options.remote) and options.verify,
        "freed": done.freed,
        "kept": [_item(item, fate) for item, fate in done.kept],
        "deleted": [_item(item, fate) for item, fate in done.deleted],
    }


def _item(item: StoredObject, fate: Fate) -> dict[str, Any]:
    return {"object": item.oid, "size": item.size, "why": fate.name.lower().replace("_", " ")}
