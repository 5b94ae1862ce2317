"""Names in update data: the parameters of a checkpoint that they stand for."""

from __future__ import annotations

from collections.abc import Iterable

from git_theta.errors import UsageError
from git_theta.model.parameter_names import unknown_parameter


class Names:
    """Finds a checkpoint's parameters by the names that other tools give them.

    Args:
        names: Names of all parameters.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(names)
        self._plain: dict[str, list[str]] = {}
        self._by_end: dict[str, list[str]] = {}
        for name in self._names:
            self._plain.setdefault(_plain(name), []).append(name)
            self._by_end.setdefault(_end(name), []).append(name)

    def find(self, wanted: str) -> str | None:
        """Name of the parameter that a name stands for; `None` if there's none.

        Either side may have a prefix (`model.`, `state_dict/`): where names aren't equal, one must end with
        the other.

        Raises:
            UsageError: Several parameters fit equally well.
        """
        if wanted in self._names:
            return wanted
        plain = _plain(wanted)
        found = self._plain.get(plain, [])
        if not found:
            likely = self._by_end.get(_end(wanted), []) if "." in plain else self._names
            found = [name for name in likely if _plain(name).endswith(f".{plain}")]
        if not found:
            # The longest suffix that is a parameter's name, of two words at least: one is too ambiguous.
            words = plain.split(".")
            ends = (self._plain.get(".".join(words[start:]), []) for start in range(1, len(words) - 1))
            found = next(filter(None, ends), [])
        if len(found) > 1:
            listed = ", ".join(map(repr, found[:3])) + (", …" if len(found) > 3 else "")
            raise UsageError(f"{wanted!r} in the update data could be any of {listed}", "use the whole name")
        return found[0] if found else None

    def get(self, wanted: str) -> str:
        """Name of the parameter that a name stands for.

        Raises:
            UsageError: There's none, or several; the message has the nearest names.
        """
        found = self.find(wanted)
        if found is None:
            raise unknown_parameter([wanted], self._names, "the checkpoint")
        return found


def _end(name: str) -> str:
    """The last two words."""
    return ".".join(_plain(name).split(".")[-2:])


def _plain(name: str) -> str:
    return name.replace("/", ".")
