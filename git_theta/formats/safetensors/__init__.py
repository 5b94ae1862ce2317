"""Hugging Face's safetensors: a JSON header and the tensors' bytes."""
