"""`git theta diff --html`: the page, from what was compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from git_theta.git.plumbing.command import Git
from git_theta.report.change import FileChange


def write_page(changes: Iterable[FileChange], path: str, sides: tuple[str, str], threads: int) -> None:
    """Write changes as a page of HTML, with histograms where there are statistics.

    Args:
        changes: Of each file.
        path: The page's file.
        sides: What's compared; see `side_names`.
        threads: How many parameters to read at once.

    Raises:
        UsageError: Jinja2 isn't installed, or the file can't be written.
    """
    from git_theta.report.difference_histograms import difference_histograms
    from git_theta.report.html.page import page
    from git_theta.report.html.render import jinja2_module
    from git_theta.report.html.write_html import write_html

    # A missing library is told before values are read, which may take long.
    jinja2_module()
    found = list(changes)
    title = " → ".join(sides) if all(sides) else "Changed parameters"
    spread = [difference_histograms(change, threads) for change in found]
    write_html(page(found, title=title, revisions=sides, histograms=spread), path)


def side_names(git: Git, revs: Sequence[str], *, cached: bool) -> tuple[str, str]:
    """What is compared: revisions with what they are right now, the index, the work tree.

    Args:
        git: Git in the repository.
        revs: At most two revisions.
        cached: Whether it's the index rather than the work tree.
    """
    names = [_with_id(git, rev) for rev in revs]
    if len(names) == 2:
        return names[0], names[1]
    if cached:
        return names[0] if names else "HEAD", "index"
    return names[0] if names else "index", "work tree"


def _with_id(git: Git, rev: str) -> str:
    short = git.line("rev-parse", "--short", rev)
    return short if rev.startswith(short) else f"{rev} ({short})"
