"""Git's rule for the next version to test: the one that leaves the least to test, whatever its outcome.

A version's weight is the number of suspects among itself and its ancestors. If the version is bad, so many
suspects are left; if it's good, all others. The best version has the largest distance, which is the smaller
one of these two numbers: see `git rev-list --bisect-all`.
"""

from __future__ import annotations

from collections.abc import Collection

from git_theta.bisection.version_dag import Version, VersionDag


def weights(dag: VersionDag[Version], suspects: Collection[Version]) -> dict[Version, int]:
    """The weight of each suspect: the number of suspects that are the version itself or its ancestors."""
    masks: dict[Version, int] = {}
    for number, version in enumerate(version for version in dag.order if version in suspects):
        mask = 1 << number
        for parent in dag.parents_of(version):
            mask |= masks.get(parent, 0)
        masks[version] = mask
    return {version: mask.bit_count() for version, mask in masks.items()}


def midpoints(
    dag: VersionDag[Version], suspects: Collection[Version], *, older_first: bool
) -> list[tuple[Version, int]]:
    """The suspects with their distances, the best to test first.

    Args:
        dag: All versions. Ancestors of suspects that aren't suspects have no suspects among their ancestors.
        suspects: The versions that may be the first bad one.
        older_first: Whether, of two versions with one distance, the one with fewer ancestors comes first.
    """
    found = weights(dag, suspects)
    distances = {version: min(weight, len(found) - weight) for version, weight in found.items()}
    sign = 1 if older_first else -1
    ranked = sorted(found, key=lambda version: (-distances[version], sign * found[version]))
    return [(version, distances[version]) for version in ranked]
