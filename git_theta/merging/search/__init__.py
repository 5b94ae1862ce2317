"""The search for a merge strategy and its options, by a score of each result."""
