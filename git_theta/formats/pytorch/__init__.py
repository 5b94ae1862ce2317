"""PyTorch's own files, read without PyTorch and without unpickling."""
