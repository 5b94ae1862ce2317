"""Flax's checkpoints: a tree of arrays, written by MessagePack."""
