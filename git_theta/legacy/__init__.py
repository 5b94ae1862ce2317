"""Readers of files of git-theta 0.2, so that its repositories can be converted."""

from __future__ import annotations

from git_theta.legacy.checkpoint import restore
from git_theta.legacy.metadata import LegacyError, is_metadata

__all__ = ["LegacyError", "is_metadata", "restore"]
