"""Measurements of lineage on models that are really trained: `python -m benchmarks.lineage --help`."""
