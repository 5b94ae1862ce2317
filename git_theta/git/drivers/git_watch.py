"""A watch over the git process that started the filter: when Git dies, nobody waits for its files any more.

Git sends the filter nothing when it dies. The filter's own Ctrl-C says little: Git ignores it while an editor
is open, for example.
"""

from __future__ import annotations

import _thread
import os
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds between looks at the parent process.
_PAUSE = 0.25


class GitWatch:
    """A thread that waits for Git's death.

    At its end, Git closes the pipes and waits for the filter. So Git is dead if it closes them while it's
    owed an answer, or if this process has got another parent.

    Args:
        output: The descriptor of the pipe to Git.
        died: Called once, by the thread, if Git died.

    Attributes:
        owed: Whether Git has asked for something, and the answer hasn't begun.
    """

    def __init__(self, output: int, died: Callable[[], object]) -> None:
        self.owed = False
        self._output = output
        self._died = died
        self._parent = os.getppid()

    def start(self) -> None:
        """Start the thread."""
        _thread.start_new_thread(self._watch, ())

    def _watch(self) -> None:
        poll = select.poll()
        # Errors only: among them is that nobody reads from the pipe.
        poll.register(self._output, 0)
        closed = False
        while not (closed and self.owed) and os.getppid() == self._parent:
            if closed:
                time.sleep(_PAUSE)
            else:
                closed = bool(poll.poll(_PAUSE * 1000))
        self._died()
