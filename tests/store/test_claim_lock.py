"""The lock of those who name stored objects in new manifests."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from git_theta.store.claim_lock import ClaimLock


def test_many_share_it_and_then_nobody_has_it_alone(tmp_path: Path) -> None:
    one, other, mine = (ClaimLock(tmp_path / "lock") for _ in range(3))
    one.share()
    one.share()
    other.share()
    with mine.alone(0) as is_alone:
        assert not is_alone
    one.release()
    one.release()
    with mine.alone(0) as is_alone:
        assert not is_alone
    other.release()
    with mine.alone(0) as is_alone:
        assert is_alone


def test_who_shares_it_waits_for_who_has_it_alone(tmp_path: Path) -> None:
    one, mine = ClaimLock(tmp_path / "lock"), ClaimLock(tmp_path / "lock")
    done = threading.Event()

    def share() -> None:
        one.share()
        done.set()

    thread = threading.Thread(target=share)
    with mine.alone(0) as is_alone:
        assert is_alone
        thread.start()
        assert not done.wait(0.05)
    thread.join()
    assert done.is_set()


def test_it_ends_with_its_last_user(tmp_path: Path) -> None:
    lock = ClaimLock(tmp_path / "lock")
    lock.share()
    del lock
    with ClaimLock(tmp_path / "lock").alone(0) as is_alone:
        assert is_alone


def test_where_there_is_no_folder_there_is_no_lock(tmp_path: Path) -> None:
    lock = ClaimLock(tmp_path / "none" / "lock")
    lock.share()
    with lock.alone(0) as is_alone:
        assert not is_alone


@pytest.mark.parametrize(("folder", "file"), [(0o700, 0o600), (0o750, 0o640), (0o770, 0o660), (0o755, 0o644)])
def test_it_is_open_to_those_to_whom_the_folder_is(tmp_path: Path, folder: int, file: int) -> None:
    path = tmp_path / "theta" / "lock"
    path.parent.mkdir()
    path.parent.chmod(folder)
    lock = ClaimLock(path)
    lock.share()
    assert path.stat().st_mode & 0o777 == file


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    lock = ClaimLock(tmp_path / "lock")
    lock.share()
    with lock.alone(0) as is_alone:
        assert not is_alone
    assert not (tmp_path / "elsewhere").exists()
