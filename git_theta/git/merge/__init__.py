"""Merges in a repository: conflicts, rules, resolution, several branches at once."""
