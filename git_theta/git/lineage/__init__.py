"""Lineage in a repository: records as tracked files, and the graph of a version."""
