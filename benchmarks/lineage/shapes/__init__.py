"""Graphs of models, one module each: those that MGit was evaluated on, and a family of derived models."""
