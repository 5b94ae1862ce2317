"""Lossy storage of a repository's models, held by their tests."""
