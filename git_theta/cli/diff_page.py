"""The page of `git theta diff --html`."""

from __future__ import annotations

from collections.abc import Iterable

from git_theta.report.change import CheckpointChange


def write_page(
    changes: Iterable[CheckpointChange],
    path: str,
    titles: tuple[str, str],
    threads: int,
    *,
    with_structure: bool = False,
) -> None:
    """Write changes as a page of HTML, with histograms where there are statistics.

    Args:
        changes: The change of each file.
        path: The file to write.
        titles: The titles of the two versions; see `version_titles`.
        threads: The number of parameters to read at once.
        with_structure: Whether each file has a line about its modules.

    Raises:
        UsageError: Jinja2 isn't installed, or the file can't be written.
    """
    from git_theta.report.difference_histograms import difference_histograms
    from git_theta.report.html.page import page
    from git_theta.report.html.render import jinja2_module
    from git_theta.report.write_report import write_report

    # Report a missing library before values are read: that may take long.
    jinja2_module()
    found = list(changes)
    title = " → ".join(titles) if all(titles) else "Changed parameters"
    spread = [difference_histograms(change, threads) for change in found]
    text = page(found, title=title, revisions=titles, histograms=spread, with_structure=with_structure)
    write_report(text, path)
