"""Text for people, on stdout and stderr: escaped here, once, because names and messages may be a stranger's.

File names, parameters, authors and servers' answers can have escape sequences that a terminal obeys, line
breaks that make lines up, and marks that turn the direction of writing. URLs may have passwords.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import IO

#: The most characters of a line of a message.
_LONGEST = 4000

#: The user and the password in a URL, and the query of a URL, which may be a token.
_USER = r"(?<=://)[^\s/?#'\"]*@"
_QUERY = r"(\b[A-Za-z][\w+.-]*://[^\s?#'\"]*)\?[^\s'\"]*"


def visible(text: str) -> str:
    """One line of text without anything that's invisible or obeyed: control characters are written as `%1B`.

    Line breaks, marks of direction, surrogates and the bytes of names that aren't UTF-8 are among them. Text
    that was escaped before stays as it is.
    """
    return text if text.isprintable() else "".join(map(_escaped, text))


def without_passwords(text: str) -> str:
    """Text whose URLs have no user, password or query."""
    if "://" not in text:
        return text
    # Few messages have a URL, and the filter waits for what is imported at the top.
    import re

    return re.sub(_QUERY, r"\1", re.sub(_USER, "", text))


def message_line(text: str) -> str:
    """One line of a message: visible, without passwords, and not too long for a terminal."""
    line = visible(without_passwords(text[: 2 * _LONGEST]))
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def say(*lines: str) -> None:
    """Print lines on stdout. Line breaks within one are escaped."""
    _write(sys.stdout, map(visible, lines))


def warn(*lines: str) -> None:
    """Print lines of a message on stderr. Line breaks within one are escaped."""
    _write(sys.stderr, map(message_line, lines))


def write_stdout(data: bytes | memoryview) -> None:
    """Write bytes of a file to stdout, as they are, and flush it."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def accept_any_text(stream: IO[str] | None) -> None:
    """Let a stream write any text: a question mark for a character that its encoding lacks.

    UTF-8 lacks none but the bytes of file names that aren't text (surrogates, as `os.fsdecode` makes them),
    and these are written as they are.

    Args:
        stream: A stream such as `sys.stdout`, which is `None` in a process without one.
    """
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure:
        is_utf8 = getattr(stream, "encoding", "").lower().replace("-", "") == "utf8"
        reconfigure(errors="surrogateescape" if is_utf8 else "replace")


def _write(stream: IO[str] | None, lines: Iterable[str]) -> None:
    # A process may have been started without the stream.
    if stream is not None:
        stream.write("".join(f"{line}\n" for line in lines))
        stream.flush()


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    # A surrogate of `os.fsdecode` stands for one byte.
    data = bytes([code - 0xDC00]) if 0xDC80 <= code <= 0xDCFF else character.encode("utf-8", "surrogatepass")
    return "".join(f"%{byte:02X}" for byte in data)
