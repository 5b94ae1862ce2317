"""`git theta compact`."""

from __future__ import annotations

from dataclasses import asdict

import click

from git_theta.cli.render import print_json
from git_theta.encoding.allowed_updates import parse_update_names
from git_theta.errors import PluginError
from git_theta.git.maintenance.compact import compact
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.notices import note
from git_theta.git.repository.repository import Repository
from git_theta.report.text import human_size, plural
from git_theta.runtime.output import say
from git_theta.settings import DEPTH_FACTOR, MAX_CHAIN_DEPTH

_EPILOG = """\b
Examples:
  git theta compact --dry-run     say what it would save
  git theta compact               choose bases anew; then: git theta prune
  git theta compact --depth 1     every value whole, for those who read often
"""


@click.command("compact", epilog=_EPILOG, short_help="Choose bases anew for everything stored.")
@click.option("--dry-run", is_flag=True, help="Write nothing, and print estimates.")
@click.option(
    "--depth",
    type=click.IntRange(1, MAX_CHAIN_DEPTH // DEPTH_FACTOR),
    help="The most updates in a chain, even if that takes more bytes; else no more than there are.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(dry_run: bool, depth: int | None, as_json: bool) -> None:
    """Choose bases anew for all values of all versions, as if everything were added at once.

    Values that take less on another base get an alternative source, in a table under refs/theta/sources.
    History stays as it is, and no object is deleted: `git theta prune` then deletes those that no value needs
    any more.
    """
    repository = Repository(Git())
    done = compact(repository, _updates(repository), depth, dry_run)
    if as_json:
        print_json(asdict(done) | {"dry_run": dry_run})
        return
    if not done.changed:
        say(f"{plural(done.values, 'value')}: nothing to gain by other bases.")
        return
    would, about = ("would get", "about ") if dry_run else ("got", "")
    say(
        f"{done.changed:,} of {plural(done.values, 'value')} {would} another source: "
        f"{about}{human_size(done.after)} instead of {human_size(done.before)}, "
        f"of which {about}{human_size(done.new)} are new."
    )
    if not dry_run:
        say("To delete what nothing needs any more: git theta prune")


def _updates(repository: Repository) -> tuple[str, ...]:
    def left_out(error: PluginError) -> None:
        note(f"not used: {error.one_line}")

    return parse_update_names(repository.settings.update, left_out)
