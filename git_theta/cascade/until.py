"""Conditions that end a branch of a cascade, such as `depth >= 2 or accuracy < 0.8`.

The grammar is a small part of Python's. A text is parsed and checked by `ast`, and never run.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from git_theta.errors import UsageError

#: Characters of a condition, at most.
_MAX_LENGTH: Final = 1000

#: Names that are texts, and names that are numbers. All others are names of tests.
TEXTS: Final = frozenset(("path", "relation"))
NUMBERS: Final = frozenset(("depth", "value", "seconds"))

#: The map from names of tests, also those that aren't words, to their values.
_METRICS: Final = "metrics"

_ORDERINGS: Final[Mapping[type[ast.cmpop], Callable[[float, float], bool]]] = MappingProxyType(
    {ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge}
)

_EXAMPLE: Final = "for example: --until 'depth >= 2 or accuracy < 0.8'"


@dataclass(frozen=True, slots=True)
class StepFacts:
    """Facts about a model that was made again, for conditions.

    Attributes:
        path: Its path.
        relation: The kind of its derivation.
        depth: The number of derivations between it and an updated model, at least.
        value: The value of its first test; `None` if there's none.
        seconds: Seconds that it took to make.
        metrics: Name of a test → its value.
    """

    path: str
    relation: str
    depth: int
    value: float | None = None
    seconds: float | None = None
    metrics: Mapping[str, float | None] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class UntilCondition:
    """A condition, parsed and checked.

    Attributes:
        text: The text.
        tree: Its syntax.
    """

    text: str
    tree: ast.expr

    def holds(self, facts: StepFacts) -> bool:
        """Whether the condition is true. Comparisons with unknown values are neither true nor false."""
        return _truth(self.tree, facts) is True


def parse_until(text: str) -> UntilCondition:
    """Parse a condition.

    Raises:
        UsageError: It isn't one, or compares a text with a number.
    """
    if len(text) > _MAX_LENGTH:
        raise UsageError(f"the condition of --until is longer than {_MAX_LENGTH:,} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        _check(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UsageError(f"--until {text!r} isn't a condition", _EXAMPLE) from error
    return UntilCondition(text, tree)


def _check(node: ast.expr) -> None:
    """Raise a UsageError for a part that isn't a condition."""
    match node:
        case ast.BoolOp(values=values):
            for value in values:
                _check(value)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            _check(operand)
        case ast.Compare(left=left, ops=ops, comparators=others):
            sides = [left, *others]
            for first, op, second in zip(sides, ops, others, strict=False):
                _check_comparison(first, op, second)
        case _:
            raise UsageError(f"--until: {ast.unparse(node)} is neither true nor false", _EXAMPLE)


def _check_comparison(first: ast.expr, op: ast.cmpop, second: ast.expr) -> None:
    if isinstance(op, (ast.In, ast.NotIn)):
        members = second.elts if isinstance(second, (ast.Tuple, ast.List)) else None
        if members is None or any(_kind(each) != _kind(first) for each in members):
            raise UsageError(
                f"--until: {ast.unparse(second)} isn't a list to look in",
                'for example: --until \'relation in ("merge", "quantized")\'',
            )
        return
    kinds = {_kind(first), _kind(second)}
    if len(kinds) > 1:
        raise UsageError(
            f"--until compares a text with a number: {ast.unparse(first)}, {ast.unparse(second)}"
        )
    if type(op) not in (*_ORDERINGS, ast.Eq, ast.NotEq) or (kinds == {str} and type(op) in _ORDERINGS):
        raise UsageError(f"--until can't compare {ast.unparse(first)} and {ast.unparse(second)} so", _EXAMPLE)


def _kind(node: ast.expr) -> type:
    """Whether an operand is a text or a number: `str` or `float`."""
    match node:
        case ast.Constant(value=str()):
            return str
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return float
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)) if (
            not isinstance(number, bool)
        ):
            return float
        case ast.Name(id=name) if name != _METRICS:
            return str if name in TEXTS else float
        case ast.Subscript(value=ast.Name(id="metrics"), slice=ast.Constant(value=str())):
            return float
    raise UsageError(
        f"--until: {ast.unparse(node)} is neither a name, a number nor a text",
        f"names are {', '.join(sorted(TEXTS | NUMBERS))}, names of tests, and metrics['NAME OF A TEST']",
    )


def _truth(node: ast.expr, facts: StepFacts) -> bool | None:
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            found = [_truth(value, facts) for value in values]
            return False if False in found else None if None in found else True
        case ast.BoolOp(values=values):
            found = [_truth(value, facts) for value in values]
            return True if True in found else None if None in found else False
        case ast.UnaryOp(operand=operand):
            inner = _truth(operand, facts)
            return None if inner is None else not inner
        case ast.Compare(left=left, ops=ops, comparators=others):
            pairs = zip([left, *others], ops, others, strict=False)
            found = [_compared(first, op, second, facts) for first, op, second in pairs]
            return False if False in found else None if None in found else True
    raise AssertionError(ast.dump(node))


def _compared(first: ast.expr, op: ast.cmpop, second: ast.expr, facts: StepFacts) -> bool | None:
    left = _value(first, facts)
    if isinstance(op, (ast.In, ast.NotIn)):
        assert isinstance(second, (ast.Tuple, ast.List))  # noqa: S101
        inside = left in [_value(each, facts) for each in second.elts]
        return None if left is None else inside == isinstance(op, ast.In)
    right = _value(second, facts)
    if left is None or right is None:
        return None
    if isinstance(op, (ast.Eq, ast.NotEq)):
        return (left == right) == isinstance(op, ast.Eq)
    assert not isinstance(left, str)  # noqa: S101
    assert not isinstance(right, str)  # noqa: S101
    return _ORDERINGS[type(op)](left, right)


def _value(node: ast.expr, facts: StepFacts) -> float | str | None:
    """The value of an operand; `None` if it isn't known, or is NaN."""
    found: float | str | None
    match node:
        case ast.Constant(value=int() | float() | str() as constant):
            found = constant
        case ast.UnaryOp(operand=ast.Constant(value=int() | float() as constant)):
            found = -constant
        case ast.Name(id=name) if name in TEXTS | NUMBERS:
            found = getattr(facts, name)
        case ast.Name(id=name):
            found = facts.metrics.get(name)
        case ast.Subscript(slice=ast.Constant(value=str() as name)):
            found = facts.metrics.get(name)
        case _:
            raise AssertionError(ast.dump(node))
    return None if found != found else found
