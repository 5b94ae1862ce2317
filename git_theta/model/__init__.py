"""The nouns: tensors, layouts, manifests. Values only; nothing here reads a file or runs Git."""
