"""ONNX: a model of nodes and tensors, written by Protocol Buffers."""
