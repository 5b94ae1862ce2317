from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from git_theta.errors import GitError
from git_theta.git.drivers.filter_protocol import FilterAnswers, FilterRequest, requests, shake_hands
from git_theta.git.plumbing.discard import DiscardProcess
from git_theta.git.plumbing.pktline import MAX_DATA, PacketReader, PacketWriter


@contextmanager
def conversation(*groups: list[str]) -> Iterator[tuple[PacketReader, PacketWriter, int]]:
    """A reader of lines from Git, a writer to Git, and a descriptor that has what is written."""
    from_git, git = os.pipe()
    answers, to_git = os.pipe()
    try:
        for lines in groups:
            PacketWriter(git).lines(*lines)
        os.close(git)
        yield PacketReader(from_git), PacketWriter(to_git), answers
    finally:
        for handle in (from_git, answers, to_git):
            os.close(handle)


def test_only_what_git_offers_is_taken_up() -> None:
    with conversation(["git-filter-client", "version=2"], ["capability=clean", "capability=news"]) as (
        reader,
        writer,
        answers,
    ):
        shake_hands(reader, writer)
        assert os.read(answers, 1000) == (
            b"0016git-filter-server\n000eversion=2\n00000015capability=clean\n0000"
        )


@pytest.mark.parametrize("lines", [[], ["hello"], ["git-filter-client", "version=3"]])
def test_another_protocol_is_refused(lines: list[str]) -> None:
    with conversation(lines) as (reader, writer, _), pytest.raises(GitError, match="started by git"):
        shake_hands(reader, writer)


def test_requests_come_with_their_content() -> None:
    from_git, git = os.pipe()
    writer = PacketWriter(git)
    for path in ("a=b", "c"):
        writer.lines("command=clean", f"pathname={path}")
        writer.data(path.encode() * 3)
        writer.flush()
    writer.lines("command=list_available_blobs")
    os.close(git)
    discarder = DiscardProcess(from_git)
    found = []
    for request, content in requests(PacketReader(from_git), discarder):
        if request.path:
            found.append((request.command, request.path, b"".join(map(bytes, content))))
        else:
            found.append((request.command,))
    discarder.close()
    os.close(from_git)
    assert found == [
        ("clean", "a=b", b"a=b" * 3),
        ("clean", "c", b"ccc"),
        ("list_available_blobs",),
    ]


def test_attributes_of_a_request() -> None:
    request = FilterRequest(["command=smudge", "pathname=m", "treeish=main", "blob=12ab", "can-delay=1"])
    assert (request.command, request.path, request.treeish) == ("smudge", "m", "main")
    assert (request.blob, request.can_delay) == ("12ab", True)
    assert not FilterRequest(["command=smudge", "pathname=m"]).can_delay


def test_answers() -> None:
    with conversation() as (_, writer, answers):
        give = FilterAnswers(writer)
        give.content([b"ab", memoryview(b"c")])
        assert os.read(answers, 1000) == b"0013status=success\n0000" + b"0006ab0005c" + b"0000" * 2
        give.delayed()
        assert os.read(answers, 1000) == b"0013status=delayed\n0000"
        give.available(["a", "b"])
        assert os.read(answers, 1000) == (
            b"000fpathname=a\n000fpathname=b\n0000" + b"0013status=success\n0000"
        )
        give.error()
        assert os.read(answers, 1000) == b"0011status=error\n0000"


_PREPARED = """
from git_theta.git.plumbing.pktline import PacketReader
from git_theta.git.drivers.filter_protocol import requests
from git_theta.git.plumbing.discard import DiscardProcess
discarder = DiscardProcess(0)
print(*(discarder._process > 0 for _ in requests(PacketReader(0), discarder)))
discarder.close()
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
def test_the_skipper_is_started_before_there_are_threads(tmp_path: Path) -> None:
    request = b"0013command=smudge\n0000" + b"0012command=clean\n0013pathname=small\n0000"
    command = [sys.executable, "-c", _PREPARED]
    done = subprocess.run(command, input=request, cwd=tmp_path, capture_output=True, check=True, timeout=60)
    assert done.stdout.decode().split() == ["False", "True"]


_FILTER = """
import os, sys
from git_theta.git.plumbing.work_file import drain, work_file
from git_theta.git.plumbing.pktline import PacketReader
from git_theta.git.drivers.filter_protocol import requests
from git_theta.git.plumbing.discard import DiscardProcess
discarder = DiscardProcess(0)
for request, content in requests(PacketReader(0), discarder):
    print(content.source is not None)
    if sys.argv[1] != request.path:
        os.replace(sys.argv[1], request.path)
    with work_file(request.path) as file:
        print(drain(content, file, lambda: 1 / 0))
discarder.close()
"""


@pytest.mark.skipif(not Path("/proc/self/fdinfo").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("replaced", [False, True])
@pytest.mark.parametrize("size", [1 << 20, 9 << 20])
def test_a_large_file_is_on_its_way_before_it_is_asked_for(tmp_path: Path, replaced: bool, size: int) -> None:
    (tmp_path / "model").write_bytes(bytes(size))
    (tmp_path / "other").write_bytes(bytes(size))
    command = [sys.executable, "-c", _FILTER, "other" if replaced else "model"]
    with (
        (tmp_path / "model").open("rb", buffering=0) as sent,
        subprocess.Popen(
            command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        writer = PacketWriter(process.stdin.fileno())
        writer.lines("command=clean", "pathname=model")
        while piece := sent.read(MAX_DATA):
            writer.data(piece)
        writer.flush()
        process.stdin.close()
        out, err = process.stdout.read().decode().split(), process.stderr.read().decode()
    large = size > 4 << 20
    assert out[0] == str(large)
    if replaced and large:
        assert "the file was written to while Git read it" in err
    else:
        # The content is taken away as the file's own, or was compared with the file.
        assert out == [str(large), "None"]
        assert not err
