"""Patching: the stretches of a file that another version of it has elsewhere, and the bytes that it lacks."""
