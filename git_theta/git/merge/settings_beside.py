"""Files of settings beside a merged checkpoint, such as `adapter_config.json`, in each version."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from git_theta.errors import UsageError
from git_theta.git.merge.version_commits import version_commits
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.notices import note
from git_theta.git.plumbing.parent_command import favoured_side
from git_theta.git.plumbing.work_file import work_file
from git_theta.git.repository.conflict_records import read_stages
from git_theta.git.repository.repository import Repository
from git_theta.merging.settings_versions import Settings, SettingsVersions, most_bytes, parsed_settings
from git_theta.merging.tokens import TOKENIZER
from git_theta.model.three_way import trivial_merge
from git_theta.report.text import printable


@dataclass(frozen=True, slots=True)
class SettingsBeside:
    """Reads the settings of a checkpoint's versions; a `ReadSettings`.

    Attributes:
        repository: The repository, with Git at the top of its work tree.
        path: The checkpoint, from there.
        oids: Gives the blobs of its base and of each side, ours first; empty for a version without the file.
        revisions: Revisions that have these versions, as far as they're known.
        resolves: Whether the result goes beside the file of settings in the work tree, which may be changed
            to fit it, rather than beside one that Git merges.
    """

    repository: Repository
    path: str
    oids: Callable[[], Sequence[str]]
    revisions: tuple[str, ...] = ()
    resolves: bool = False

    def __call__(self, name: str) -> SettingsVersions:
        """The versions of the file of that name in the checkpoint's folder.

        Raises:
            UsageError: A version isn't a map of settings.
        """
        folder, slash, _ = self.path.rpartition("/")
        path = f"{folder}{slash}{name}"
        base, *sides = self._texts(path)
        if all(text is None for text in (base, *sides)):
            return SettingsVersions()
        if name == TOKENIZER and all(text == sides[0] for text in (base or sides[0], *sides)):
            # Parsing takes a second for a large vocabulary, and tells nothing then.
            return SettingsVersions(alike=True)
        if self.resolves:
            result = self._in_work_tree(path)
        else:
            merged = _merged(self.repository, base, sides)
            result = None if merged is None else parsed_settings(path, merged)
        return SettingsVersions(
            parsed_settings(path, base),
            tuple(parsed_settings(path, text) for text in sides),
            result,
            fits=self.resolves and bool(result),
        )

    def _texts(self, path: str) -> list[bytes | None]:
        """The file in each version; `None` where there's none."""
        limit = most_bytes(path)
        oids, stages = self.oids(), read_stages(self.repository.git, path)
        with Blobs(self.repository.git.cwd) as blobs:
            if stages and len(oids) == len(stages.ids):
                return [blobs.read(oid, limit) if oid else None for oid in stages.ids]
            commits = version_commits(self.repository, self.path, oids, self.revisions)
            found = [blobs.read(f"{commit}:{path}", limit) if commit else None for commit in commits]
            unknown = [oid for oid, commit in zip(oids, commits, strict=True) if oid and not commit]
            if not unknown:
                return found
            here = blobs.read(f"HEAD:{path}", limit)
        if here is not None:
            note(
                f"{printable(self.path)}: no commit has one of the merged versions; "
                f"{printable(path)} of HEAD is assumed for it"
            )
        known = zip(oids, commits, found, strict=True)
        return [here if oid and not commit else text for oid, commit, text in known]

    def _in_work_tree(self, path: str) -> Settings | None:
        """The settings in the work tree; `None` if they're still in conflict."""
        with work_file(self.repository.git.path(path)) as file:
            text = None if file is None else bytes(file.data[: most_bytes(path)])
        try:
            return parsed_settings(path, text)
        except UsageError:
            if text is not None and b"<<<<<<<" in text:
                return None
            raise


def blobs_of(repository: Repository, texts: Sequence[bytes]) -> tuple[str, ...]:
    """Ids of blobs by their content; empty for an empty one, which stands for a version without the file."""
    run = repository.git.run
    return tuple(run("hash-object", "--stdin", stdin=text).decode().strip() if text else "" for text in texts)


def _merged(repository: Repository, base: bytes | None, sides: Sequence[bytes | None]) -> bytes | None:
    """The text that Git's merge makes of the file; `None` if that's in conflict, or the file is removed."""
    index = trivial_merge(base, sides)
    if index is not None:
        return sides[index]
    if len(sides) != 2 or None in sides:
        return None
    with tempfile.TemporaryDirectory(prefix="git-theta-") as folder:
        places = [Path(folder) / name for name in ("ours", "base", "theirs")]
        for place, text in zip(places, (sides[0], base or b"", sides[1]), strict=True):
            place.write_bytes(text or b"")
        side = favoured_side()
        options = [f"--{side}"] if side else []
        words = ("merge-file", "-q", *options, *(str(place) for place in places))
        return places[0].read_bytes() if repository.git.ok(*words) else None
