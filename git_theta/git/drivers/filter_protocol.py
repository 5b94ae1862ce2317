"""What Git asks the long-running filter for: one request after another, once both sides have said hello."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from git_theta.errors import GitError
from git_theta.git.plumbing.discard import Skipper
from git_theta.git.plumbing.pipe_source import sender_of
from git_theta.git.plumbing.pktline import Content, Reader, Writer

#: Content of fewer bytes comes faster than it can be handed over.
_WORTH_SKIPPING = 4 << 20


class Request:
    """A command, and what Git says about one file.

    Args:
        lines: The lines that Git sent.

    Attributes:
        command: What to do.
        path: The file's path from the top of the work tree.
        blob: Id of the blob that the content is, if Git names it.
        can_delay: Whether Git would ask for the file again later.
        treeish: What the file is checked out from, if Git names it.
    """

    def __init__(self, lines: list[str]) -> None:
        keys = dict(line.partition("=")[::2] for line in lines)
        self.command = keys.get("command", "")
        self.path = keys.get("pathname", "")
        self.blob = keys.get("blob", "")
        self.can_delay = keys.get("can-delay") == "1"
        self.treeish = keys.get("treeish", "")


def shake_hands(reader: Reader, writer: Writer) -> None:
    """Agree with Git on a version and on what both can do.

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


def requests(reader: Reader, skipper: Skipper) -> Iterator[tuple[Request, Content]]:
    """What Git asks for, until it closes the pipe, and the content that comes with it.

    Content that needn't be looked at is on its way already when its request is given.

    Args:
        reader: Packets from Git.
        skipper: Takes content away.

    Raises:
        GitError: Git broke off in the middle of something.
    """
    while (lines := reader.lines()) is not None:
        request, content = Request(lines), reader.content()
        if request.command == "clean":
            # Also for a small file: a larger one may follow, when it's too late.
            skipper.prepare()
            _skip_ahead(request.path, content, skipper)
        yield request, content


def _skip_ahead(path: str, content: Content, skipper: Skipper) -> None:
    try:
        status = os.stat(path, follow_symlinks=False)
    except (OSError, ValueError):
        return
    if stat.S_ISREG(status.st_mode) and status.st_size >= _WORTH_SKIPPING:
        sender = sender_of(status)
        if sender:
            content.hand_over(skipper, sender)
