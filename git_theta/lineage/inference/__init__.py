"""Inference of lineage: likely parents of models, by their parameters alone."""
