"""TensorFlow Lite's models (LiteRT): graphs and buffers, written by FlatBuffers."""
