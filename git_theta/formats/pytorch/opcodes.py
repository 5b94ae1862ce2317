"""What each opcode of a pickle does to the machine: it describes objects and makes none."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Any

from git_theta.formats.pytorch.machine import Machine
from git_theta.formats.pytorch.nodes import Bytes, Dict, Global, Object, PersistentId

#: Bytes of one integer.
MAX_INTEGER = 1024

Step = Callable[[Machine], None]


def _mark(m: Machine) -> None:
    m.marked.append(m.stack)
    m.stack = []


def _pop(m: Machine) -> None:
    if m.stack:
        m.stack.pop()
    else:
        m.since_mark()


def _pop_mark(m: Machine) -> None:
    m.since_mark()


def _get(index: Callable[[Machine], int]) -> Step:
    def step(m: Machine) -> None:
        m.stack.append(m.memo[index(m)])

    return step


def _put(index: Callable[[Machine], int]) -> Step:
    def step(m: Machine) -> None:
        m.memo[index(m)] = m.stack[-1]

    return step


def _push(value: Callable[[Machine], Any]) -> Step:
    """Push something that is read from the data or the stack."""

    def step(m: Machine) -> None:
        m.stack.append(value(m))

    return step


def _new(make: Callable[[], Any]) -> Step:
    """Push something new."""

    def step(m: Machine) -> None:
        m.stack.append(make())

    return step


def _number(code: str) -> Callable[[Machine], Any]:
    reader = struct.Struct(code)
    return lambda m: m.number(reader)


def _text(code: str) -> Callable[[Machine], str]:
    reader = struct.Struct(code)
    return lambda m: m.text(m.number(reader))


def _bytes(code: str) -> Callable[[Machine], Bytes]:
    reader = struct.Struct(code)

    def read(m: Machine) -> Bytes:
        size = m.number(reader)
        return Bytes(m.skip(size), size)

    return read


def _long(code: str) -> Callable[[Machine], int]:
    reader = struct.Struct(code)

    def read(m: Machine) -> int:
        size = m.number(reader)
        if size > MAX_INTEGER:
            raise ValueError(f"an integer of {size} bytes")
        start = m.skip(size)
        return int.from_bytes(m.data[start : start + size], "little", signed=True)

    return read


def _integer_line(m: Machine) -> int | bool:
    text = m.line()
    return text == "01" if text in ("00", "01") else int(text.removesuffix("L") or "0")


def _unicode_line(m: Machine) -> str:
    text = m.line()
    m.exact = m.exact and "\\" not in text  # an escape, which is left as it is
    return text


def _string_line(m: Machine) -> str:
    text = _unicode_line(m)
    if len(text) < 2 or text[0] != text[-1] or text[0] not in "'\"":
        raise ValueError("a string without quotes")
    return text[1:-1]


def _tuple(size: int) -> Step:
    def step(m: Machine) -> None:
        if len(m.stack) < size:
            raise ValueError("the stack is empty")
        m.stack[-size:] = [tuple(m.stack[-size:])]

    return step


def _pairs(flat: list[Any]) -> Iterable[tuple[Any, Any]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _extend(target: Any, values: list[Any]) -> None:
    if isinstance(target, Object):
        if target.items is None:
            target.items = []
        target.items.extend(values)
    elif isinstance(target, list):
        target.extend(values)
    else:
        raise ValueError("values are added to something that isn't a list")


def _update(target: Any, flat: list[Any]) -> None:
    if isinstance(target, Dict):
        target.pairs.extend(_pairs(flat))
    elif isinstance(target, Object):
        if target.pairs is None:
            target.pairs = []
        target.pairs.extend(_pairs(flat))
    else:
        raise ValueError("keys are set in something that isn't a dictionary")


def _append(m: Machine) -> None:
    value = m.stack.pop()
    _extend(m.stack[-1], [value])


def _appends(m: Machine) -> None:
    values = m.since_mark()
    _extend(m.stack[-1], values)


def _set_item(m: Machine) -> None:
    value, key = m.stack.pop(), m.stack.pop()
    _update(m.stack[-1], [key, value])


def _set_items(m: Machine) -> None:
    flat = m.since_mark()
    _update(m.stack[-1], flat)


def _marked(make: Callable[[list[Any]], Any]) -> Step:
    """Replace the values since the mark by one that is made of them."""

    def step(m: Machine) -> None:
        values = m.since_mark()
        m.stack.append(make(values))

    return step


def _call(m: Machine) -> None:
    args, function = m.stack.pop(), m.stack.pop()
    m.stack.append(Object(function, _arguments(args)))


def _create(m: Machine) -> None:
    args, function = m.stack.pop(), m.stack.pop()
    m.stack.append(Object(function, _arguments(args), new=True))


def _call_with_keywords(m: Machine) -> None:
    m.exact = False  # keywords end up among the keys that are set later
    keywords, args, function = m.stack.pop(), m.stack.pop(), m.stack.pop()
    if not isinstance(keywords, Dict):
        raise ValueError("keyword arguments that aren't a dictionary")
    m.stack.append(Object(function, _arguments(args), pairs=keywords.pairs))


def _arguments(args: Any) -> tuple[Any, ...]:
    if not isinstance(args, tuple):
        raise ValueError("arguments that aren't a tuple")
    return args


def _build(m: Machine) -> None:
    state, target = m.stack.pop(), m.stack[-1]
    if not isinstance(target, Object):
        raise ValueError("a state for something that has none")
    m.exact = m.exact and target.state is None
    target.state = state


def _instance(m: Machine) -> None:
    m.exact = False  # classes of Python 2, made in a way of their own
    found = Global(m.line(), m.line())
    args = tuple(m.since_mark())
    m.stack.append(Object(found, args))


def _marked_instance(m: Machine) -> None:
    m.exact = False
    values = m.since_mark()
    m.stack.append(Object(values[0], tuple(values[1:])))


def _byte_array(m: Machine) -> None:
    m.exact = False  # told from bytes nowhere
    m.stack.append(_bytes("<Q")(m))


def _stack_global(m: Machine) -> None:
    name, module = m.stack.pop(), m.stack.pop()
    if not (isinstance(name, str) and isinstance(module, str)):
        raise ValueError("the name of a global isn't a string")
    m.stack.append(Global(module, name))


def _persistent(read: Callable[[Machine], Any]) -> Step:
    def step(m: Machine) -> None:
        node = PersistentId(read(m))
        m.persistent.append(node)
        m.stack.append(node)

    return step


def _memoize(m: Machine) -> None:
    m.memo[len(m.memo)] = m.stack[-1]


def _protocol(m: Machine) -> None:
    if m.number(_U8) > 5:
        raise ValueError("a protocol that isn't known")


def _frame(m: Machine) -> None:
    m.skip(8)  # only a hint for buffering


def _unknown(m: Machine) -> None:
    code = m.data[m.position - 1]
    raise ValueError(f"opcode {code:#04x} at {m.position - 1} isn't supported")


_U8 = struct.Struct("B")
STOP = ord(".")

_STEPS: dict[bytes, Step] = {
    b"(": _mark,
    b"0": _pop,
    b"1": _pop_mark,
    b"2": _push(lambda m: m.stack[-1]),
    b"N": _new(lambda: None),
    b"\x88": _new(lambda: True),
    b"\x89": _new(lambda: False),
    # Numbers.
    b"I": _push(_integer_line),
    b"L": _push(_integer_line),
    b"J": _push(_number("<i")),
    b"K": _push(_number("<B")),
    b"M": _push(_number("<H")),
    b"\x8a": _push(_long("<B")),
    b"\x8b": _push(_long("<i")),
    b"F": _push(lambda m: float(m.line())),
    b"G": _push(_number(">d")),
    # Strings: Python 2 wrote its byte strings, which names were, with the first three.
    b"S": _push(_string_line),
    b"T": _push(_text("<i")),
    b"U": _push(_text("<B")),
    b"V": _push(_unicode_line),
    b"X": _push(_text("<I")),
    b"\x8c": _push(_text("<B")),
    b"\x8d": _push(_text("<Q")),
    b"B": _push(_bytes("<I")),
    b"C": _push(_bytes("<B")),
    b"\x8e": _push(_bytes("<Q")),
    b"\x96": _byte_array,
    # Containers.
    b")": _new(tuple),
    b"\x85": _tuple(1),
    b"\x86": _tuple(2),
    b"\x87": _tuple(3),
    b"t": _marked(tuple),
    b"]": _new(list),
    b"l": _marked(list),
    b"a": _append,
    b"e": _appends,
    b"}": _new(lambda: Dict([])),
    b"d": _marked(lambda values: Dict(list(_pairs(values)))),
    b"s": _set_item,
    b"u": _set_items,
    b"\x8f": _new(lambda: Object(Global("builtins", "set"), ())),
    b"\x90": _appends,
    b"\x91": _marked(lambda values: Object(Global("builtins", "frozenset"), (), items=values)),
    # Objects.
    b"c": _push(lambda m: Global(m.line(), m.line())),
    b"\x93": _stack_global,
    b"R": _call,
    b"\x81": _create,
    b"\x92": _call_with_keywords,
    b"o": _marked_instance,
    b"i": _instance,
    b"b": _build,
    b"P": _persistent(lambda m: m.line()),
    b"Q": _persistent(lambda m: m.stack.pop()),
    # The memo.
    b"g": _get(lambda m: int(m.line())),
    b"h": _get(_number("<B")),
    b"j": _get(_number("<I")),
    b"p": _put(lambda m: int(m.line())),
    b"q": _put(_number("<B")),
    b"r": _put(_number("<I")),
    b"\x94": _memoize,
    # The stream.
    b"\x80": _protocol,
    b"\x95": _frame,
}

#: A step for each value of a byte; `STOP` has none of its own.
OPCODES = tuple(_STEPS.get(bytes([code]), _unknown) for code in range(256))
