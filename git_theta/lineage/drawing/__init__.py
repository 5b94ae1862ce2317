"""The places of models in a picture of a lineage graph: layers from left to right, family by family."""
