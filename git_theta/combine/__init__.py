"""Combinations of models by a strategy, without commits: from files and versions to one new file."""
