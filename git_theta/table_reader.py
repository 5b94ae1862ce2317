"""Values of tracked TOML files, which somebody else may have written, with their types checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from git_theta.errors import ThetaError
from git_theta.runtime.toml import parse_toml_file

#: Elements of a list or a table, at most.
_MAX_ITEMS = 10_000

_MARKERS = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class TableReader:
    """Takes values out of the tables of a file.

    Attributes:
        where: Path of the file for messages.
        error: The error to raise.
    """

    where: str
    error: type[ThetaError]

    def parse(self, data: bytes) -> dict[str, Any]:
        """The file's table."""
        try:
            return parse_toml_file(data)
        except ValueError as error:
            if isinstance(error, UnicodeDecodeError) or not _MARKERS.search(data.decode()):
                raise self.error(f"{self.where} isn't valid TOML: {error}") from error
            raise self.error(f"{self.where} is in conflict", "edit it as any text, and add it") from error

    def wrong(self, key: str, wanted: str) -> ThetaError:
        """The error about a value that isn't what is wanted."""
        return self.error(f"{self.where}: {key} isn't {wanted}")

    def text(self, table: Mapping[str, Any], key: str) -> str:
        """A text; empty if there's none."""
        value = table.get(key, "")
        if not isinstance(value, str):
            raise self.wrong(key, "a text")
        return value

    def texts(self, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
        """A list of texts; empty if there's none."""
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.wrong(key, "a list of texts")
        if len(value) > _MAX_ITEMS:
            raise self.wrong(key, f"a list of at most {_MAX_ITEMS:,} texts")
        return tuple(value)

    def text_map(self, table: Mapping[str, Any], key: str) -> Mapping[str, str]:
        """A table of texts; empty if there's none."""
        value = self.table(table, key)
        if not all(isinstance(each, str) for each in value.values()):
            raise self.wrong(key, "a table of texts")
        if len(value) > _MAX_ITEMS:
            raise self.wrong(key, f"a table of at most {_MAX_ITEMS:,} texts")
        return MappingProxyType(value)

    def table(self, table: Mapping[str, Any], key: str) -> dict[str, Any]:
        """A table; empty if there's none."""
        value = table.get(key, {})
        if not isinstance(value, dict):
            raise self.wrong(key, f"a table: [{key}]")
        return value

    def tables(self, table: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
        """A list of tables; empty if there's none."""
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise self.wrong(key, f"a list of tables: [[{key}]]")
        if len(value) > _MAX_ITEMS:
            raise self.wrong(key, f"a list of at most {_MAX_ITEMS:,} tables")
        return value

    def number(self, table: Mapping[str, Any], key: str) -> float | None:
        """A number; `None` if there's none."""
        value = table.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise self.wrong(key, "a number")
        try:
            return None if value is None else float(value)
        except OverflowError as error:
            raise self.wrong(key, "a number that fits") from error

    def flag(self, table: Mapping[str, Any], key: str, default: bool) -> bool:
        """Either true or false."""
        value = table.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value
