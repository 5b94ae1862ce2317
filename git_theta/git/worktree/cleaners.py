"""How the file at each path is stored: by the settings, and by the path's attributes."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from git_theta.errors import GitError, PluginError, UsageError
from git_theta.git.plumbing.check_attr import AttributeLookup, attribute_text
from git_theta.git.plumbing.notices import note
from git_theta.git.repository.conversions import ENCODING, IDENT, converting_attribute
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.known_files import KnownFiles
from git_theta.settings import UPDATE_ATTRIBUTE

if TYPE_CHECKING:
    # Checking out needs no cleaning, and Git waits for everything that is loaded.
    from git_theta.clean import Cleaner
    from git_theta.formats.neighbours import Neighbours
    from git_theta.model.manifest import Manifest

#: How many checkpoints of index and HEAD a new file is compared with.
_MAX_TRACKED = 512


class Cleaners:
    """Makes the cleaner for each path.

    Args:
        repository: The repository; its attributes are read from the top of the work tree.
        known_files: Values that are stored already.
    """

    def __init__(self, repository: Repository, known_files: KnownFiles) -> None:
        self._repository = repository
        self._known_files = known_files
        self._attributes = AttributeLookup(repository.git, [UPDATE_ATTRIBUTE, ENCODING, IDENT])
        self._last: tuple[str, tuple[str, ...]] | None = None
        self._tracked: list[Manifest] | None = None

    def cleaner(
        self,
        path: str | None,
        advance: Callable[[int], object] = lambda _count: None,
        neighbours: Neighbours | None = None,
    ) -> Cleaner:
        """The cleaner that stores the file at a path.

        Args:
            path: The file, from the top of the work tree; `None` if it has no path.
            advance: Called with the number of bytes of each finished tensor.
            neighbours: The files beside it; `None` if they aren't known.

        Raises:
            UsageError: The settings or the attributes name an update that isn't known.
        """
        from git_theta.clean import Cleaner

        settings = self._repository.settings
        return Cleaner(
            self._repository.store.kept_open,
            known=self._known_files.sources,
            learned=self._known_files.learn,
            threads=settings.thread_count,
            progress=advance,
            updates=self.allowed_updates(path),
            depth=settings.depth,
            candidates=self._candidates,
            search=self._known_files.search,
            lazy=settings.lazy,
            neighbours=neighbours,
        )

    def allowed_updates(self, path: str | None) -> tuple[str, ...]:
        """Names of the updates that the file at a path may be stored as, by its attributes or the settings.

        An update that isn't installed or can't be used is left out, with a note.

        Raises:
            UsageError: A name is of an update that is never chosen.
        """
        from git_theta.encoding.allowed_updates import parse_update_names

        attribute = self._update_attribute(path) if path else None
        where = f"the attribute {UPDATE_ATTRIBUTE} of {path}" if attribute else "theta.update"

        def left_out(error: PluginError) -> None:
            note(f"{path}: stored without an update that {where} names: {error.one_line}")

        try:
            return parse_update_names(attribute or self._repository.settings.update, left_out)
        except UsageError as error:
            raise UsageError(f"{where}: {error.message}", error.hint) from error

    def _update_attribute(self, path: str) -> str | None:
        with suppress(GitError):
            update, _encoding, _ident = self._values(path)
            return attribute_text(update)
        return None

    def refuse_conversion(self, path: str, manifest: bytes) -> None:
        """Refuse a manifest that Git would store changed, so that it weren't one any more.

        Raises:
            UsageError: An attribute of the path asks for a conversion.
        """
        _update, encoding, ident = self._values(path)
        attribute = converting_attribute(manifest, encoding, ident)
        if attribute:
            from git_theta.git.repository.stronger_lines import conversion_refused, lines_that_set

            (line,) = lines_that_set(self._repository, attribute, [path])
            raise conversion_refused(line)

    def _values(self, path: str) -> tuple[str, ...]:
        """The values of the attributes, from Git or from the last question.

        Raises:
            GitError: Git failed.
        """
        if self._last is None or self._last[0] != path:
            self._last = path, self._attributes.get(os.fsencode(path))
        return self._last[1]

    def close(self) -> None:
        """End helper processes; the next question about attributes starts another one."""
        self._attributes.close()

    def _candidates(self) -> list[Manifest]:
        """Checkpoints that a new one may be an update of.

        These are the ones of this process, then those of the index, those that were removed from it, and
        those of the last commits of other branches of which something is here.
        """
        if self._tracked is None:
            from git_theta.git.repository.manifest_walk import index_manifests, removed_manifests
            from git_theta.git.repository.recent_versions import recent_versions

            git, has = self._repository.git, self._repository.store.has
            found = [*index_manifests(git), *removed_manifests(git)]
            recent = recent_versions(git, {version.oid for version in found})
            found += [each for each in recent if each.manifest and any(map(has, each.manifest.oids()))]
            self._tracked = [version.manifest for version in found[:_MAX_TRACKED] if version.manifest]
        return [*self._known_files.recent(), *self._tracked]
