"""Text for streams whose encoding may lack a character, such as those of a terminal in Latin-1."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO


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
