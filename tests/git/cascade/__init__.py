"""Tests of cascades in a repository."""
