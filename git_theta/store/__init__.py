"""Stores of objects: the local one, and remotes."""
