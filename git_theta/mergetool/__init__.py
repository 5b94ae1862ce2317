"""Deciding interactively what becomes of a checkpoint that two sides changed."""
