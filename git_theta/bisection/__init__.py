"""Bisection: the first version that fails, in a graph of versions, with few tests. Knows nothing of Git."""
