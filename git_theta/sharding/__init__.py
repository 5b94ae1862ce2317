"""Sharded models: the files that make up one model, and their manifests as one."""
