from __future__ import annotations

import os
from pathlib import Path

from git_theta.git.plumbing.alternates import alternates


def objects(place: Path, *listed: str) -> Path:
    folder = place / "objects"
    (folder / "info").mkdir(parents=True)
    if listed:
        (folder / "info" / "alternates").write_text("\n".join(listed) + "\n")
    return folder


def test_a_repository_has_none(tmp_path: Path) -> None:
    assert not [*alternates(objects(tmp_path), {})]


def test_absolute_relative_and_quoted_paths(tmp_path: Path) -> None:
    one, two, three = (objects(tmp_path / name) for name in ("one", "two", "thr\teé"))
    own = objects(
        tmp_path / "own",
        "# a comment",
        str(one),
        "../../two/objects",
        "../../none/objects",
        f'"{tmp_path}/thr\\te\\303\\251/objects"',
    )
    assert [*alternates(own, {})] == [one, two, three]


def test_alternates_of_alternates_in_a_circle(tmp_path: Path) -> None:
    two = objects(tmp_path / "two", "../../own/objects")
    one = objects(tmp_path / "one", "../../two/objects")
    own = objects(tmp_path / "own", "../../one/objects")
    assert [*alternates(own, {})] == [one, two]


def test_alternates_of_the_environment(tmp_path: Path) -> None:
    one, two = (objects(tmp_path / name) for name in ("one", "two"))
    variable = {"GIT_ALTERNATE_OBJECT_DIRECTORIES": os.pathsep.join(map(str, (one, two)))}
    assert [*alternates(objects(tmp_path / "own"), variable)] == [one, two]
