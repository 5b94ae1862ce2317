"""`git theta migrate`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import click

from git_theta.cli.render import ratio
from git_theta.errors import UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.report.text import human_size, plural, printable
from git_theta.runtime.output import say

if TYPE_CHECKING:
    from git_theta.git.migrate.request import MigrationRequest, MigrationSummary

_EPILOG = """\b
Examples:
  git theta migrate import                             from git-lfs, in the next commit
  git theta migrate import --include '*.pt' --rewrite  in this branch's history
  git theta migrate import --rewrite --everything      in all of history
  git theta migrate export --to lfs                    back to git-lfs
"""

_Command = Callable[..., None]

#: Commands that move all refs back to the kept ones, and then reset the work tree to HEAD.
_UNDO_ALL = (
    "git for-each-ref --format='update %(refname:lstrip=2) %(objectname)' refs/original "
    "| git update-ref --stdin && git reset --hard"
)


@click.group("migrate", epilog=_EPILOG, short_help="Convert files to git-theta, or back.")
def command() -> None:
    """Convert files that are in Git already.

    `import` takes checkpoints from git-lfs, from plain Git or from git-theta 0.2. `export` turns them into
    files of git-lfs or into plain files. Both change .gitattributes accordingly. Files in the work tree keep
    their bytes.

    Without --rewrite, the conversion is staged for you to commit, and earlier commits stay as they are. With
    --rewrite, every commit of the given branches and tags is made anew with converted files. Their ids
    change, and all who have the old ones must reset to the new ones.
    """


def _common_options(function: _Command) -> _Command:
    """Add the options of both directions."""
    for decorate in (
        click.argument("refs", nargs=-1, metavar="[REF]..."),
        click.option("--everything", is_flag=True, help="With --rewrite: all local branches and tags."),
        click.option(
            "--rewrite", is_flag=True, help="Rewrite history, of the current branch if none is given."
        ),
    ):
        function = decorate(function)
    return function


@command.command("import", short_help="Convert files to git-theta.")
@click.option(
    "--include",
    multiple=True,
    metavar="GLOB",
    help="A pattern as in .gitattributes, or several with commas between. Without it: files of git-lfs whose "
    "pattern matches a checkpoint, and files of git-theta 0.2.",
)
@_common_options
def import_(include: tuple[str, ...], rewrite: bool, everything: bool, refs: tuple[str, ...]) -> None:
    """Convert files of git-lfs, of plain Git or of git-theta 0.2 to git-theta."""
    _run("theta", include, rewrite=rewrite, names=refs, everything=everything)


@command.command("export", short_help="Convert files to git-lfs or to plain Git.")
@click.option(
    "--include",
    multiple=True,
    metavar="GLOB",
    help="A pattern as in .gitattributes, or several with commas between. Without it: all files of "
    "git-theta.",
)
@click.option("--to", "target", type=click.Choice(["lfs", "plain"]), default="lfs", show_default=True,
              help="The new kind of the files.")  # fmt: skip
@click.option("--force", is_flag=True, help="With --to plain: also files above 100 MB.")
@_common_options
def export(
    include: tuple[str, ...],
    target: Literal["lfs", "plain"],
    force: bool,
    rewrite: bool,
    everything: bool,
    refs: tuple[str, ...],
) -> None:
    """Convert checkpoints of git-theta to files of git-lfs, or to plain files in Git."""
    _run(target, include, rewrite=rewrite, names=refs, everything=everything, force=force)


def _run(target: Literal["theta", "lfs", "plain"], include: tuple[str, ...], **how: Any) -> None:
    from git_theta.git.migrate.request import MigrationRequest
    from git_theta.git.migrate.run import migrate
    from git_theta.git.worktree.workspace import Workspace

    patterns = tuple(part.strip() for glob in include for part in glob.split(",") if part.strip())
    request = MigrationRequest(target, patterns, **how)
    if not request.rewrite and (request.names or request.everything):
        raise UsageError("branches and tags are for --rewrite", "without it, the next commit is prepared")
    if request.names and request.everything:
        raise UsageError("--everything goes without names of branches and tags")
    with Workspace(Repository(Git()).at_top()) as workspace:
        summary = migrate(workspace, request)
    _report(request, summary)


def _report(request: MigrationRequest, summary: MigrationSummary) -> None:
    if summary.others and request.target == "theta":
        listed = ", ".join(map(printable, summary.others))
        say(f"Left to git-lfs, as no checkpoint matches: {listed}")
    if not summary.versions:
        say("Nothing to convert.")
        if request.target == "theta" and not request.include:
            say("Files in plain Git are converted by name: git theta migrate import --include '*.pt'")
        return
    say(
        f"{plural(summary.versions, 'version')} of {plural(summary.files, 'file')} converted: "
        f"{human_size(summary.before)} before, {human_size(summary.after)} now "
        f"({ratio(summary.after, summary.before)})."
    )
    if summary.written:
        say(f"Wrote {plural(len(summary.written), 'file')} of which only a pointer was here.")
    if request.rewrite:
        _report_rewritten(request, summary)
    else:
        say("All is staged. To finish: git commit")
        say("Earlier commits stay as they are; --rewrite would convert them too.")


def _report_rewritten(request: MigrationRequest, summary: MigrationSummary) -> None:
    say(f"{plural(summary.commits, 'commit')} rewritten, {plural(len(summary.refs), 'ref')} moved.")
    if summary.signatures:
        say(f"{plural(summary.signatures, 'signature')} dropped: they were of the old commits.")
    if summary.left:
        more = ", …" if len(summary.left) > 3 else ""
        say(f"Still on old commits: {', '.join(map(printable, summary.left[:3]))}{more}")
        if not request.everything:
            say("To rewrite all branches and tags at once, undo this and use --everything.")
    say("The old commits are kept in refs/original/. To undo:")
    for line in _undo_all(summary.refs):
        say(f"  {line}")
    say(f"All who have the old commits must reset to the new ones. To publish: {_publish(summary.refs)}")


def _publish(refs: Sequence[str]) -> str:
    """The command that replaces the old commits by the new ones at a remote."""
    if len(refs) == 1 and refs[0].startswith("refs/heads/"):
        return "git push --force-with-lease"
    branches = any(ref.startswith("refs/heads/") for ref in refs)
    tags = any(ref.startswith("refs/tags/") for ref in refs)
    return " && ".join(
        [*["git push --force-with-lease --all"] * branches, *["git push --force --tags"] * tags]
    )


def _undo_all(refs: Sequence[str]) -> list[str]:
    """Commands that move these refs back, and no others."""
    from git_theta.git.migrate.rewritten_refs import ORIGINAL

    kept = Git().run("for-each-ref", "--format=%(refname)", ORIGINAL.rstrip("/")).splitlines()
    # An earlier rewrite may have left other refs there.
    only_these = {os.fsdecode(line) for line in kept} == {ORIGINAL + ref for ref in refs}
    return [_UNDO_ALL] if len(refs) > 3 and only_these else [_undo(ref) for ref in refs]


def _undo(ref: str) -> str:
    from git_theta.git.migrate.rewritten_refs import ORIGINAL, current_branch

    original = shlex.quote(ORIGINAL + ref)
    if current_branch(Git()) == ref:
        return f"git reset --hard {original}"
    return f"git update-ref {shlex.quote(ref)} {original}"
