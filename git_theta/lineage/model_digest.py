"""The digest of a model: the same for the same parameters, whatever files they're in."""

from __future__ import annotations

from collections.abc import Iterable

from git_theta.formats.split import STRETCH
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry
from git_theta.model.name_escapes import escape

#: How digests of models begin.
ALGORITHM = "blake3:"


def model_digest(entries: Iterable[Entry]) -> str:
    """The digest of a model's parameters: `blake3:` and 64 hexadecimal digits.

    Models with the same names, dtypes, shapes and values have the same digest: in one file of safetensors, in
    ten shards, or as a state dict of PyTorch.

    Args:
        entries: The entries of all files. Stretches of bytes between parameters don't count, unless there's
            nothing else, as in files of unknown formats.
    """
    entries = tuple(entries)
    parameters = [entry for entry in entries if not entry.name.startswith(STRETCH)] or entries
    lines = sorted(_line(entry) for entry in parameters)
    return ALGORITHM + digest("".join(lines).encode())


def _line(entry: Entry) -> str:
    shape = "x".join(map(str, entry.spec.shape)) or "scalar"
    return f"{escape(entry.name)} {entry.spec.dtype} {shape} {entry.digest}\n"
