"""Origins: for each parameter of a version of a file, the commit that it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from git_theta.git.history.file_log import Record, ancestry, blobs_at, real_parents, renamed_from
from git_theta.git.history.param_log import Wanted
from git_theta.git.repository.manifest_reader import Manifests
from git_theta.git.repository.repository import Repository
from git_theta.model.manifest import Entry, Manifest


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a parameter comes from.

    Attributes:
        entry: The parameter.
        record: The commit that last changed its value, dtype or shape.
        path: The file's path in that commit.
    """

    entry: Entry
    record: Record
    path: str


@dataclass(frozen=True, slots=True)
class Origins:
    """Where the parameters of a version come from.

    Attributes:
        found: In the order of the manifest.
        skipped: Commits whose version isn't a valid manifest → what is wrong with it; history was followed
            through them.
    """

    found: tuple[Origin, ...]
    skipped: Mapping[str, str]


def origins(
    repository: Repository, manifests: Manifests, manifest: Manifest, tip: str, path: str, wanted: Wanted
) -> Origins:
    """Follow each parameter back, as long as a parent has the same one by name, dtype, shape and digest.

    What a merge took from any of its parents comes from there. Renames of the file are followed.

    Args:
        repository: The repository.
        manifests: Where manifests are read.
        manifest: The version.
        tip: The commit that has it.
        path: Where, from the top.
        wanted: Which parameters, by name.
    """
    entries = {entry.name: entry for entry in manifest.entries if wanted(entry.name)}
    walk = _Walk(repository, manifests, entries)
    starts = {(path, tip): set(entries)}
    while starts:
        (where, commit), names = starts.popitem()
        for start, more in walk.segment(where, commit, names):
            starts.setdefault(start, set()).update(more)
    return Origins(tuple(walk.found[name] for name in entries), walk.skipped)


@dataclass(frozen=True, slots=True)
class _Walk:
    """What is looked for, and what was found."""

    repository: Repository
    manifests: Manifests
    entries: Mapping[str, Entry]
    found: dict[str, Origin] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def segment(self, path: str, tip: str, names: set[str]) -> Iterator[tuple[tuple[str, str], set[str]]]:
        """Follow parameters back while the file has one path.

        Yields:
            Where to go on under other paths, as (path, commit), and with which parameters.
        """
        git = self.repository.git
        records = ancestry(git, tip, path)
        nodes = {record.oid: record for record in records}
        at_tree = blobs_at(git, [record.tree for record in records], path)
        blobs = {record.oid: at_tree[record.tree] for record in records if record.tree in at_tree}
        parents = real_parents(git, records)
        waiting = {records[0].oid: names}
        for record in records:
            left = waiting.pop(record.oid, set())
            for parent in self._readable(record, nodes, blobs) if left else ():
                same = left if blobs[parent] == blobs[record.oid] else self._same(left, blobs[parent])
                waiting.setdefault(parent, set()).update(same)
                left = left - same
            known = sum(parent in blobs for parent in record.parents)
            for parent in parents[record.oid] if left and known < len(parents[record.oid]) else ():
                source = renamed_from(git, self.manifests, parent, record.oid, path)
                if source:
                    same = self._same(left, source[1])
                    yield (source[0], parent), same
                    left = left - same
            self.found.update({name: Origin(self.entries[name], record, path) for name in left})

    def _readable(
        self, record: Record, nodes: Mapping[str, Record], blobs: Mapping[str, str]
    ) -> Iterator[str]:
        """The nearest ancestors whose version is a valid manifest."""
        asked = list(reversed(record.parents))
        seen = set()
        while asked:
            parent = asked.pop()
            if parent not in blobs or parent in seen:
                continue
            seen.add(parent)
            if self.manifests.get(blobs[parent]):
                yield parent
            else:
                self.skipped[parent] = self.manifests.problem(blobs[parent])
                asked += reversed(nodes[parent].parents)

    def _same(self, names: set[str], blob: str) -> set[str]:
        """Those of some parameters that another version has as they are."""
        manifest = self.manifests.get(blob)
        theirs = manifest.by_name if manifest else {}
        found = set()
        for name in names:
            mine, other = self.entries[name], theirs.get(name)
            if other and (other.digest, other.spec) == (mine.digest, mine.spec):
                found.add(name)
        return found
