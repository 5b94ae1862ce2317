"""Parameter names as they stand in a manifest: one word each, with nothing invisible."""

from __future__ import annotations

import re

from git_theta.errors import ManifestError

#: Characters of a name.
MAX_NAME = 1 << 14

# Control characters, spaces, line and paragraph separators, invisible and direction marks, and surrogates are
# written as %XX of their UTF-8 bytes, so that a diff shows names as they are.
_UNSAFE = re.compile(
    "[\x00-\x20%\x7f-\xa0\xad\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_ESCAPE = re.compile(r"(?:%[0-9A-F]{2})+")


def sort_key(name: str) -> bytes:
    """The order of parameters: by the UTF-8 bytes of the escaped name."""
    return escape(name).encode()


def escape(name: str) -> str:
    """The form of a name in a manifest: one word, with nothing invisible."""
    return _UNSAFE.sub(
        lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogatepass")), name
    )


def unescape(text: str) -> str:
    """The inverse of `escape`.

    Raises:
        ManifestError: The text is the escaped form of no name, or of one that is too long.
    """
    name = text
    if _UNSAFE.search(text):
        name = _unescaped(text)
        if escape(name) != text:
            name = ""
    if not name:
        raise ManifestError(f"{text[:80]!r} isn't a valid parameter name")
    if len(name) > MAX_NAME:
        raise ManifestError(f"a parameter's name has more than {MAX_NAME} characters: {text[:80]!r}…")
    return name


def _unescaped(text: str) -> str:
    """The text with each `%XX` as its character; empty if that isn't UTF-8."""
    try:
        return _ESCAPE.sub(
            lambda match: bytes.fromhex(match[0].replace("%", "")).decode("utf-8", "surrogatepass"), text
        )
    except UnicodeDecodeError:
        return ""
