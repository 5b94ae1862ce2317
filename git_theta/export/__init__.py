"""Export: the tensors of a model in another format, bit by bit or in another dtype."""
