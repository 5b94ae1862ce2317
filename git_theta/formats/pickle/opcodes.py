"""The opcodes of pickles as steps of a machine that describes objects and makes none."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Any

from git_theta.formats.pickle.machine import Machine
from git_theta.formats.pickle.nodes import Dict, Global, Object, PersistentId
from git_theta.formats.pickle.operands import (
    byte_string,
    index_line,
    integer_line,
    long_integer,
    number,
    string_line,
    text,
    unicode_line,
)

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
    """Push a value that is read from the data or the stack."""

    def step(m: Machine) -> None:
        m.stack.append(value(m))

    return step


def _new(make: Callable[[], Any]) -> Step:
    """Push a new value."""

    def step(m: Machine) -> None:
        m.stack.append(make())

    return step


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
    """Replace the values since the mark by one value that is made of them."""

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
    # Nodes have one list of pairs: for keywords, and for the items that are set later.
    m.exact = False
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
    # Nodes don't tell an instance of a class of Python 2 from the result of a call.
    m.exact = False
    found = Global(m.line(), m.line())
    args = tuple(m.since_mark())
    m.stack.append(Object(found, args))


def _marked_instance(m: Machine) -> None:
    m.exact = False
    values = m.since_mark()
    m.stack.append(Object(values[0], tuple(values[1:])))


def _byte_array(m: Machine) -> None:
    # The node is that of a byte string, though the object would be another one.
    m.exact = False
    m.stack.append(byte_string("<Q")(m))


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
    b"I": _push(integer_line),
    b"L": _push(integer_line),
    b"J": _push(number("<i")),
    b"K": _push(number("<B")),
    b"M": _push(number("<H")),
    b"\x8a": _push(long_integer("<B")),
    b"\x8b": _push(long_integer("<i")),
    b"F": _push(lambda m: float(m.line())),
    b"G": _push(number(">d")),
    # Strings. Python 2 wrote names with the first three, as they were byte strings.
    b"S": _push(string_line),
    b"T": _push(text("<i")),
    b"U": _push(text("<B")),
    b"V": _push(unicode_line),
    b"X": _push(text("<I")),
    b"\x8c": _push(text("<B")),
    b"\x8d": _push(text("<Q")),
    b"B": _push(byte_string("<I")),
    b"C": _push(byte_string("<B")),
    b"\x8e": _push(byte_string("<Q")),
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
    b"g": _get(index_line),
    b"h": _get(number("<B")),
    b"j": _get(number("<I")),
    b"p": _put(index_line),
    b"q": _put(number("<B")),
    b"r": _put(number("<I")),
    b"\x94": _memoize,
    # The stream.
    b"\x80": _protocol,
    b"\x95": _frame,
}

#: The step of each byte; `STOP` has no step of its own.
OPCODES = tuple(_STEPS.get(bytes([code]), _unknown) for code in range(256))
