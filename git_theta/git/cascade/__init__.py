"""Cascades: models that are made again from updated ones, in a repository."""
