"""Replanning: bases chosen anew for all values that a repository has, whatever was stored first."""
