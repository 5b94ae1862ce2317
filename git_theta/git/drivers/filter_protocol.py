"""The long-running filter's protocol with Git: a handshake, then requests and answers in turn."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator

from git_theta.errors import GitError
from git_theta.git.plumbing.discard import DiscardProcess
from git_theta.git.plumbing.pktline import PacketContent, PacketReader, PacketWriter

#: Content of fewer bytes arrives faster than it can be handed over.
_WORTH_SKIPPING = 4 << 20


class FilterRequest:
    """A command, and what Git says about its file.

    Args:
        lines: The lines that Git sent.

    Attributes:
        command: `clean`, `smudge` or `list_available_blobs`.
        path: The file's path from the top of the work tree.
        blob: Id of the blob that the content is, if Git names it; else empty.
        can_delay: Whether Git would ask for the file again later.
        treeish: The commit or tree that the file is checked out from, if Git names it; else empty.
    """

    def __init__(self, lines: list[str]) -> None:
        keys = dict(line.partition("=")[::2] for line in lines)
        self.command = keys.get("command", "")
        self.path = keys.get("pathname", "")
        self.blob = keys.get("blob", "")
        self.can_delay = keys.get("can-delay") == "1"
        self.treeish = keys.get("treeish", "")


class FilterAnswers:
    """Answers to Git, one for each request.

    Args:
        writer: Packets to Git.
        begin: Called before each answer.
    """

    def __init__(self, writer: PacketWriter, begin: Callable[[], object] = lambda: None) -> None:
        self._writer = writer
        self._begin = begin

    def content(self, pieces: Iterable[bytes | memoryview]) -> None:
        """Give a file's content, piece by piece."""
        self._begin()
        self._writer.lines("status=success")
        for piece in pieces:
            self._writer.data(piece)
        self._writer.flush()
        # After the content, another list of lines could change the status; an empty list keeps it.
        self._writer.flush()

    def delayed(self) -> None:
        """Have Git ask for the file again, later."""
        self._begin()
        self._writer.lines("status=delayed")

    def available(self, paths: Iterable[str]) -> None:
        """Name delayed files that Git can ask for now; none means that there are no more."""
        self._begin()
        self._writer.lines(*(f"pathname={path}" for path in paths))
        self._writer.lines("status=success")

    def error(self) -> None:
        """Refuse the file; Git fails, as the filter is required."""
        self._begin()
        self._writer.lines("status=error")


def shake_hands(reader: PacketReader, writer: PacketWriter) -> None:
    """Agree with Git on the protocol's version and on capabilities.

    Raises:
        GitError: It isn't Git, or it's another version of the protocol.
    """
    lines = reader.lines()
    if lines is None:
        return
    if not lines or lines[0] != "git-filter-client" or "version=2" not in lines:
        raise GitError("this is started by git, as `filter.theta.process`", "run `git theta install`")
    writer.lines("git-filter-server", "version=2")
    offered = reader.lines() or []
    ours = ("capability=clean", "capability=smudge", "capability=delay")
    writer.lines(*(capability for capability in ours if capability in offered))


def requests(
    reader: PacketReader, discarder: DiscardProcess
) -> Iterator[tuple[FilterRequest, PacketContent]]:
    """Git's requests with their content, until it closes the pipe.

    Content that needn't be looked at is being taken away already when its request is yielded.

    Args:
        reader: Packets from Git.
        discarder: Takes content away.

    Raises:
        GitError: Git closed the pipe in the middle of a request.
    """
    while (lines := reader.lines()) is not None:
        request, content = FilterRequest(lines), reader.content()
        if request.command == "clean":
            # Prepared for a small file, too: if a larger one follows, the process is there already.
            discarder.prepare()
            _discard_early(request.path, content, discarder)
        yield request, content


def _discard_early(path: str, content: PacketContent, discarder: DiscardProcess) -> None:
    try:
        status = os.stat(path, follow_symlinks=False)
    except (OSError, ValueError):
        return
    if stat.S_ISREG(status.st_mode) and status.st_size >= _WORTH_SKIPPING:
        source = content.find_source(status)
        if source:
            content.hand_over(discarder, source)
