"""Tests of models: commands that measure them, and how results of versions and relatives compare.

Nothing here knows of Git, or runs anything.
"""
