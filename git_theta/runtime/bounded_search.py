"""Searches by regular expressions of users, each in a process of its own: a short text may take years.

Python's searches can't be interrupted in a thread, nor be given a time.
"""

from __future__ import annotations

import json
import subprocess
import sys

#: Seconds of a processor that a search may take.
SECONDS = 10

#: The program of the process: pattern, text and seconds on stdin; the last match on stdout.
_PROGRAM = """
import json, re, resource, sys
pattern, text, seconds = json.load(sys.stdin)
resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
last = None
for last in re.finditer(pattern, text, re.MULTILINE):
    pass
json.dump(None if last is None else [last[1] if last.re.groups else last[0]], sys.stdout)
"""


class SearchError(Exception):
    """A search took too long, or its process couldn't do it."""


def last_match(pattern: str, text: str, seconds: int = SECONDS) -> tuple[str | None] | None:
    """The last match of a pattern in a text: its first group if the pattern has any; `None` if there's none.

    A group that took no part in the match is `None`, too.

    Args:
        pattern: A valid pattern. `^` and `$` match at each line.
        text: The text.
        seconds: Seconds of a processor that the search may take.

    Raises:
        SearchError: It took longer, or there's not enough memory.
    """
    try:
        # Without the user's settings of Python, and without packages: the process starts in milliseconds.
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _PROGRAM],
            input=json.dumps([pattern, text, seconds]).encode(),
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise SearchError(f"Python can't be run: {error.strerror}") from error
    if done.returncode < 0:
        raise SearchError(f"the search was ended: it may take {seconds} s")
    if done.returncode:
        raise SearchError("the search failed: there may be too little memory")
    found = json.loads(done.stdout)
    return None if found is None else (found[0],)
