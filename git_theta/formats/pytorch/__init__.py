"""PyTorch's own files, read without PyTorch and without unpickling."""

from __future__ import annotations

from git_theta.formats.pytorch.legacy import PyTorchLegacy
from git_theta.formats.pytorch.zipped import PyTorchZip

__all__ = ["PyTorchLegacy", "PyTorchZip"]
