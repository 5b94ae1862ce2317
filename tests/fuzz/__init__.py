"""Fuzzing: mutated and generated inputs for every reader of bytes that somebody else may have written."""
