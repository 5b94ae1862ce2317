"""The file of settings beside a merged adapter, written where the merge gave its factors other ranks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from git_theta.adapters.factor_names import CONFIG
from git_theta.git.plumbing.work_file import work_file
from git_theta.git.repository.repository import Repository
from git_theta.merging.outcome import ParameterPlan
from git_theta.merging.settings_versions import Settings, parsed_settings, settings_text
from git_theta.runtime.atomic_write import atomic_write


def fitted_settings_of(plans: Iterable[ParameterPlan]) -> Settings | None:
    """The settings that fit merged factors; `None` if no factors were merged, or their settings are fixed."""
    cases = (plan.group.case for plan in plans if plan.group)
    return next((case.settings for case in cases if case.fits), None)


@contextmanager
def written_beside(repository: Repository, path: str, settings: Settings | None) -> Iterator[str]:
    """Write the settings beside a checkpoint, and stage them when the block is done.

    If the block fails, the old ones come back.

    Args:
        repository: The repository, with Git at the top of its work tree.
        path: The checkpoint, from there.
        settings: The settings; `None` to leave them as they are.

    Yields:
        The path of the settings, if they're written; else an empty text.

    Raises:
        UsageError: The file in the work tree isn't one of settings.
    """
    folder, slash, _ = path.rpartition("/")
    name = f"{folder}{slash}{CONFIG}"
    place = repository.git.path(name)
    with work_file(place) as file:
        before = bytes(file.data) if file else None
    if settings is None or before is None or parsed_settings(name, before) == settings:
        yield ""
        return
    atomic_write(place, settings_text(settings, before))
    try:
        yield name
    except BaseException:
        atomic_write(place, before)
        raise
    repository.git.run("add", "--", f":(top,literal){name}")
