"""Sketches: some elements of each stored tensor, by which similar tensors are found without reading them."""
