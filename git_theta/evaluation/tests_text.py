"""The text of `.theta/tests.toml`: one table a test, which people and programs edit."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from git_theta.errors import UsageError
from git_theta.evaluation.model_test import EVERY_MODEL, PREVIOUS, ModelTest, check_test
from git_theta.table_reader import TableReader

#: The file, from the top of the repository.
TESTS_FILE = ".theta/tests.toml"

_HIGHER, _LOWER = "higher", "lower"

#: Lists are written in one line up to this number of characters.
_WIDTH = 90

_SHARE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*%")


def parse_tests(data: bytes, where: str = TESTS_FILE) -> tuple[ModelTest, ...]:
    """The tests in a file, in its order. Keys that aren't known are left alone.

    Args:
        data: The text.
        where: Its path for messages.

    Raises:
        UsageError: It isn't valid.
    """
    reader = TableReader(where, UsageError)
    tables = reader.table(reader.parse(data), "test")
    return tuple(_test(name, table, where) for name, table in tables.items())


def parse_drop(text: str) -> tuple[float, bool]:
    """A drop of a metric, and whether it's a share: `0.01`, or `2%`.

    Raises:
        UsageError: It's neither.
    """
    share = _SHARE.fullmatch(text.strip())
    try:
        value = float(share[1]) / 100 if share else float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise UsageError(f"{text!r} isn't a drop that can be allowed", "such as 0.01, or 2%")
    return value, bool(share)


def drop_text(value: float, is_share: bool) -> str:
    """The text of a drop: `0.01`, or `2%`."""
    return f"{value * 100:.12g}%" if is_share else f"{value:.12g}"


def with_test(data: bytes, test: ModelTest, where: str = TESTS_FILE) -> bytes:
    """The text of a file with a test added or changed; its comments and all else stay as they are.

    Args:
        data: The old text; empty for none.
        test: The test.
        where: The file's path for messages.

    Raises:
        UsageError: The old text isn't valid, or the test isn't.
    """
    import tomlkit

    check_test(test)
    document = _document(data, where)
    try:
        if "test" not in document:
            document["test"] = tomlkit.table(is_super_table=True)
        tables: Any = document["test"]
        if test.name not in tables:
            tables[test.name] = tomlkit.table()
        table = tables[test.name]
        for key, value in _values(test).items():
            if value is None:
                table.pop(key, None)
            elif table.get(key) != value:
                table[key] = _list(value) if isinstance(value, list) else value
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        raise _unchangeable(where, error) from error
    return _checked(document, where)


def without_test(data: bytes, name: str, where: str = TESTS_FILE) -> bytes:
    """The text of a file without a test that it has.

    Raises:
        UsageError: The old text isn't valid.
    """
    document = _document(data, where)
    try:
        tables: Any = document["test"]
        tables.pop(name)
        if not tables:
            document.pop("test")
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        raise _unchangeable(where, error) from error
    return _checked(document, where)


def _test(name: str, table: object, where: str) -> ModelTest:
    reader = TableReader(f"{where}: test {name}", UsageError)
    if not isinstance(table, dict):
        raise UsageError(f"{where}: {name} isn't a table", f"[test.{name}]")
    better = reader.text(table, "better") or _HIGHER
    if better not in (_HIGHER, _LOWER):
        raise reader.wrong("better", f'"{_HIGHER}" or "{_LOWER}"')
    max_drop, is_share = _drop(reader, table)
    test = ModelTest(
        name,
        reader.texts(table, "command"),
        reader.texts(table, "on") or (EVERY_MODEL,),
        reader.text(table, "metric"),
        better == _HIGHER,
        max_drop,
        is_share,
        reader.texts(table, "against") or (PREVIOUS,),
        reader.flag(table, "guard", default=True),
        reader.texts(table, "inputs"),
        reader.number(table, "timeout"),
    )
    try:
        check_test(test)
    except UsageError as error:
        raise UsageError(f"{where}: {error.message}", error.hint) from error
    return test


def _drop(reader: TableReader, table: Mapping[str, Any]) -> tuple[float | None, bool]:
    value = table.get("max_drop")
    if not isinstance(value, str):
        return reader.number(table, "max_drop"), False
    try:
        return parse_drop(value)
    except UsageError as error:
        raise UsageError(f"{reader.where}: max_drop: {error.message}", error.hint) from error


def _values(test: ModelTest) -> dict[str, Any]:
    """Key → value of the table of a test; `None` for what needn't be said."""
    drop: float | str | None = test.max_drop
    if test.max_drop is not None and test.is_share:
        drop = drop_text(test.max_drop, is_share=True)
    timeout = test.timeout
    better = (_HIGHER if test.higher_is_better else _LOWER) if test.metric else None
    return {
        "command": list(test.command),
        "on": list(test.on),
        "metric": test.metric or None,
        "better": better,
        "max_drop": drop,
        "against": list(test.against) if test.against != (PREVIOUS,) else None,
        "guard": None if test.is_guard else False,
        "inputs": list(test.inputs) or None,
        "timeout": int(timeout) if timeout is not None and timeout.is_integer() else timeout,
    }


def _list(texts: list[str]) -> Any:
    import tomlkit

    array = tomlkit.array()
    array.extend(texts)
    return array.multiline(sum(map(len, texts)) > _WIDTH)


def _document(data: bytes, where: str) -> Any:
    """The document of a text that is valid: other errors than the parser's own have been raised before."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    parse_tests(data, where)
    try:
        return tomlkit.parse(data.decode())
    except (TOMLKitError, ValueError, RecursionError) as error:
        raise UsageError(f"{where} isn't valid TOML: {error}", "mend it by hand") from error


def _checked(document: Any, where: str) -> bytes:
    """The text of a document that can be read back.

    Raises:
        UsageError: A text isn't UTF-8, or the library wrote what isn't valid.
    """
    import tomlkit

    try:
        text = tomlkit.dumps(document).encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{where} would have bytes that aren't UTF-8", "use UTF-8 in commands and paths"
        ) from error
    parse_tests(text, where)
    return text


def _unchangeable(where: str, error: Exception) -> UsageError:
    # TOML has more ways to write tables than the library can change.
    return UsageError(
        f"{where} is written in a form that can't be changed: {error}",
        "write each test below a heading of its own, such as [test.accuracy]",
    )
