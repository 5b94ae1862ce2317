"""Merges of checkpoints: a plan by equality, then strategies that carry it out."""
