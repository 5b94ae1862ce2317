"""A measured number beside its target."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured number.

    Attributes:
        name: What was measured.
        value: The number.
        unit: Of the number: `s`, `MB`, `times`, or empty for a share.
        least: The number should be at least this; `None` if there's no such target.
        most: The number should be at most this; `None` if there's no such target.
        remark: What else there is to say, in words.
    """

    name: str
    value: float
    unit: str = ""
    least: float | None = None
    most: float | None = None
    remark: str = ""

    @property
    def is_met(self) -> bool | None:
        """Whether the number is within its target; `None` without one."""
        if self.least is None and self.most is None:
            return None
        return (self.least is None or self.value >= self.least) and (
            self.most is None or self.value <= self.most
        )

    @property
    def target(self) -> str:
        """The target in words."""
        if self.least is not None:
            return f"at least {self.least:g}"
        return f"at most {self.most:g}" if self.most is not None else ""

    @property
    def text(self) -> str:
        """The number with its unit."""
        return f"{self.value:.3g} {self.unit}".strip()

    def to_json(self) -> dict[str, Any]:
        """The figure for a file of results."""
        return asdict(self) | {"met": self.is_met}
