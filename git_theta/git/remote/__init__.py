"""Remotes: where their objects are, fetches and pushes."""
