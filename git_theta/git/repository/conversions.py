"""Conversions of a manifest by Git, between the filter and the repository.

With the attribute `working-tree-encoding`, Git takes what the filter returns for text in that encoding, and
stores it as UTF-8; a manifest wouldn't be one any more. With `ident`, Git shortens each `$Id: …$`, which may
be part of a parameter's name. Line ends are no trouble, as manifests are read with either kind.
"""

from __future__ import annotations

import codecs

from git_theta.git.plumbing.check_attr import attribute_text
from git_theta.model.manifest_text import MANIFEST_MAGIC_BYTES, MAX_TEXT_BYTES

ENCODING = "working-tree-encoding"
IDENT = "ident"

#: Beginnings of the names, as Python has them, of encodings in which all ASCII text is what it is.
_ASCII = ("ascii", "utf-8", "iso8859", "cp125", "koi8")

#: Encodings in which Git may hand over a manifest, each with a zero byte among the first ones.
_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")

_MARK = "\ufeff"


def keeps_manifests(encoding: str) -> bool:
    """Whether manifests in ASCII stay what they are.

    Args:
        encoding: The value of `working-tree-encoding`, as `git check-attr` has it.
    """
    return attribute_text(encoding) is None or _codec(encoding).startswith(_ASCII)


def converting_attribute(manifest: bytes, encoding: str, ident: str) -> str:
    """The attribute by which Git would change a manifest; empty if there's none.

    Args:
        manifest: The text of the manifest.
        encoding: The value of `working-tree-encoding`, as `git check-attr` has it.
        ident: The value of `ident`.
    """
    is_utf8 = attribute_text(encoding) is None or _codec(encoding) == "utf-8"
    if not (is_utf8 or (keeps_manifests(encoding) and manifest.isascii())):
        return ENCODING
    return IDENT if ident == "set" and b"$Id" in manifest else ""


def repair_hint(attribute: str) -> str:
    """How to keep Git from converting files by an attribute."""
    # Git refuses `-working-tree-encoding`.
    word = f"!{attribute}"
    return f"take the attribute from that line, or write {word} in a later line that matches the files"


def as_stored(content: memoryview) -> memoryview:
    """A manifest that Git hands over in UTF-16 or UTF-32, as it's stored; other content as it is."""
    if 0 not in content[:8] or len(content) > 4 * MAX_TEXT_BYTES:
        return content
    for codec in _WIDE:
        for mark in ("", _MARK):
            begin = (mark + MANIFEST_MAGIC_BYTES.decode()).encode(codec)
            if content[: len(begin)] == begin:
                try:
                    text = str(content, codec)
                except UnicodeDecodeError:
                    return content
                return memoryview(text.removeprefix(_MARK).encode())
    return content


def _codec(encoding: str) -> str:
    """Python's name of an encoding; empty if it isn't known."""
    try:
        return codecs.lookup(encoding).name
    except (LookupError, ValueError):
        return ""
