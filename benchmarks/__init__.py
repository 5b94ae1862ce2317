"""Measurements of every verb against Git LFS, in the same run; see README.md."""
