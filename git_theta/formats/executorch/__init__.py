"""The files of ExecuTorch: programs, and the tensors that are beside them."""
