"""The version of the package, for modules that the package's `__init__` leads to."""

from __future__ import annotations

__version__ = "1.0.0.dev0"
