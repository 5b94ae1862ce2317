"""A format, an update and a merge strategy for git-theta."""
