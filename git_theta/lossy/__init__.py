"""Lossy storage that tests guard: as few bytes as a model's tests allow."""
