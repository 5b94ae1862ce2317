"""GGUF, the format of ggml and llama.cpp: metadata, descriptions of tensors, and their aligned bytes."""
